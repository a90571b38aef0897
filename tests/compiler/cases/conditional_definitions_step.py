import sys

if sys.platform == "win32":
    SEP = "a"

    async def charge():
        
        return 1

else:
    SEP = "b"

try:
    import tomllib
except ImportError:
    tomllib = None


async def main():
    __wfc__.refuse("main")
    
"charge" in globals() and __wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "main", main)
