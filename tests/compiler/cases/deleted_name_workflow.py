temporary = 1
KEPT = temporary + 1
del temporary


async def main():
    
    return KEPT
