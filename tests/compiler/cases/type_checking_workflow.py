





async def main(x: "str"):
    
    return helper(x)


def helper(x: "Path") -> "Path":
    return x
