class Declined(Exception):
    """The card was declined."""


class Unused(Exception):
    pass


async def charge(cents):
    "use step"
    raise Declined


async def flow(cents):
    "use workflow"
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
