from math import \
    pi, \
    tau
X = 1 + \
    2


async def main(): \
    __wfc__.refuse("main"); \
    

__wfc__.register("workflow", "main", main)
