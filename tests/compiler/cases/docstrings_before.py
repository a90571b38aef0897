async def charge():
    "use step"
    """Charge the card."""
    return 1


async def checkout():
    "use workflow"
    """Check out."""
    return await charge()


async def refund():
    """Refund,

    over several lines.
    """
    "use workflow"
    return 2


async def bare():
    "use workflow"
    return 3
