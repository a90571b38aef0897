temporary = 1
KEPT = temporary + 1
del temporary


async def main():
    "use workflow"
    return KEPT
