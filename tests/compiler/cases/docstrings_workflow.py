charge = __wfc__.step("charge")





async def checkout():
    
    """Check out."""
    return await charge()


async def refund():
    """Refund,

    over several lines.
    """
    
    return 2


async def bare():
    
    return 3
