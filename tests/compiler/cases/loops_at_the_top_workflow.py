TABLE = {}
for key in "abc":
    TABLE[key] = key.upper()
for key in "def":
    print(key)





async def main():
    
    return TABLE
