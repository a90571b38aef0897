X = 1

async def main():
    
    return X
