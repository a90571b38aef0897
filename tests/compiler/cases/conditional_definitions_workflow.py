import sys

if sys.platform == "win32":
    SEP = "a"

    charge = __wfc__.step("charge")



else:
    SEP = "b"

try:
    import tomllib
except ImportError:
    tomllib = None


async def main():
    
    return await charge(), SEP, tomllib
