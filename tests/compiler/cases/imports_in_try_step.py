try:
    import tomllib as toml
except ImportError:
    toml = None
try:
    import uvloop
except ImportError:
    uvloop = None


async def flow(text):
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
