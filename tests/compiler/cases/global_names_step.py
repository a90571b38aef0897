COUNT = 0


def bump():
    global COUNT
    COUNT += 1


async def main():
    __wfc__.refuse("main")
    

__wfc__.register("workflow", "main", main)
