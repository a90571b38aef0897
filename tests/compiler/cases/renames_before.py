async def charge(cents):  # wfc: was[app.old:bill]
    "use step"
    return cents


# wfc: was[app.old:order]
async def flow(cents):
    "use workflow"
    return await charge(cents)
