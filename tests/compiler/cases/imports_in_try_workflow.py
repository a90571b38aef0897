try:
    import tomllib as toml
except ImportError:
    toml = None






async def flow(text):
    
    return toml.loads(text) if toml else text
