"""Of the module."""
def helper(x):
    """Of the helper."""
    return x
async def flow(x, y=None):
    """Of the flow."""
    "use workflow"
    return helper(x)
