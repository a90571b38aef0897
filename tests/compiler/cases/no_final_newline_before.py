async def main():
    "use workflow"
    return 1