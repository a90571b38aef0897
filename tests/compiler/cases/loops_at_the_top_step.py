TABLE = {}
for key in "abc":
    TABLE[key] = key.upper()
for key in "def":
    print(key)

with open("x") as f:
    DATA = f.read()


async def main():
    __wfc__.refuse("main")
    
__wfc__.register("workflow", "main", main)
