RATE = 1
RATE += 1
A = B = 2
(C, D), E = (3, 4), 5
F: int = 6
G: int


async def main():
    __wfc__.refuse("main")
    
__wfc__.register("workflow", "main", main)
