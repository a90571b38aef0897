double = lambda x: x * 2
triple = lambda x: x * 3


async def main():
    "use workflow"
    return sorted([1, 2], key=lambda x: double(x))
