RATE = 1
RATE += 1
A = B = 2
(C, D), E = (3, 4), 5
F: int = 6



async def main():
    
    return RATE + B + D + F
