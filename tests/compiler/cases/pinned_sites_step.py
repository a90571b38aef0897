from wfc import sleep


async def charge(x):
    pass


async def main():
    __wfc__.refuse("main")
    


__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "main", main)
