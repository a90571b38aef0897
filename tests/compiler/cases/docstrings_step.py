async def charge():
    
    """Charge the card."""
    return 1


async def checkout():
    
    """Check out."""; __wfc__.refuse("checkout")
    


async def refund():
    """Refund,

    over several lines.
    """
    __wfc__.refuse("refund")
    


async def bare():
    __wfc__.refuse("bare")
    
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "checkout", checkout)
__wfc__.register("workflow", "refund", refund)
__wfc__.register("workflow", "bare", bare)
