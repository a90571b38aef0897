import dataclasses


@dataclasses.dataclass
class A:
	async def charge(self):
		"use step"
		return 1

	@staticmethod
	async def main(a):
		"use workflow"
		if a:
			async def inner():
				"use step"
				return a
			await inner()
		return await a.charge()
