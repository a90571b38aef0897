from wfc import sleep


async def charge(x):
    "use step"


async def main():
    "use workflow"
    await charge(1)  # wfc: site[first]
    await charge(2)
    await sleep(1)  # wfc: site[pause]
