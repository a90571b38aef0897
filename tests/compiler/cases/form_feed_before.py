X = 1

async def main():
    "use workflow"
    return X
