try:
    import tomllib as toml
except ImportError:
    toml = None
try:
    import uvloop
except ImportError:
    uvloop = None


async def flow(text):
    "use workflow"
    return toml.loads(text) if toml else text
