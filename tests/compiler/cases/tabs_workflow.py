import dataclasses


@dataclasses.dataclass
class A:
	charge = __wfc__.step("A.charge")



	@staticmethod
	async def main(a):
		
		if a:
			inner = __wfc__.step("A.main.inner", lambda: {"a": a})


			await inner()
		return await a.charge()
