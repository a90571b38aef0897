double = lambda x: x * 2



async def main():
    
    return sorted([1, 2], key=lambda x: double(x))
