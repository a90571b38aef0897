import sys

if sys.platform == "win32":
    SEP = "a"

    async def charge():
        "use step"
        return 1

else:
    SEP = "b"

try:
    import tomllib
except ImportError:
    tomllib = None


async def main():
    "use workflow"
    return await charge(), SEP, tomllib
