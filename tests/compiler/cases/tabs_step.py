import dataclasses


@dataclasses.dataclass
class A:
	async def charge(self):
		
		return 1

	@staticmethod
	async def main(a):
		__wfc__.refuse("A.main")
		if a:
			async def inner():
				
				return a
			await inner()
		return await a.charge()
__wfc__.register("step", "A.charge", A.charge)
__wfc__.register("workflow", "A.main", A.main)
__wfc__.register("step", "A.main.inner", A.main)
