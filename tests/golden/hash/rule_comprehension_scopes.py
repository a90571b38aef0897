async def flow(x, y=None):
    "use workflow"
    a = 1
    return [a for a in [a] for b in [a]], {a: (lambda b: b)(a) for a in x}
