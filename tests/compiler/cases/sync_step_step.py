import time


def slow(x: int) -> int:
    
    time.sleep(x)
    return x


async def main(x: int) -> int:
    __wfc__.refuse("main")
    
__wfc__.register("step", "slow", slow)
__wfc__.register("workflow", "main", main)
