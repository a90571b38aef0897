async def main():
    __wfc__.refuse("main")
    


if __wfc__.register("workflow", "main", main) or __name__ == "__main__":
    print("early")


async def charge():
    
    return 1
__wfc__.register("step", "charge", charge)
