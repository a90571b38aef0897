COUNT = 0


def bump():
    global COUNT
    COUNT += 1


async def main():
    
    bump()
    return COUNT
