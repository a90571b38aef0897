from functools import wraps

from wfc import policy


def logged(function):
    @wraps(function)
    async def inner(*args):
        return await function(*args)

    return inner


def pure(function):
    return function


@policy(
    attempts=5,
    timeout="30s",
)
@logged
async def charge(
    order_id: str,
    *,
    cents: int = 4200,
) -> str:
    """Charge."""
    "use step"
    return order_id


@pure
async def checkout(order_id: str) -> str:
    "use workflow"
    return await charge(order_id)
