async def flow(x, y=None):
    "use workflow"
    return f'{x!r:>{y}}{y!s}{x=!a}'
