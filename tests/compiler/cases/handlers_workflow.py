class Declined(Exception):
    """The card was declined."""






charge = __wfc__.step("charge")




async def flow(cents):
    
    try:
        return await charge(cents)
    except (Declined, KeyError) as error:
        return str(error)
    except Exception:
        raise
    else:
        return 1
    finally:
        await charge(0)
