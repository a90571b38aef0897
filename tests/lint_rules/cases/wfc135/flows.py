"""Workflows, and what calls them."""


async def charge(order_id: str) -> str:
    "use step"
    return order_id


async def checkout(order_id: str) -> str:
    "use workflow"
    return await charge(order_id)


async def good_outer(order_id: str) -> str:
    "use workflow"
    return await good_helper(order_id)


async def good_helper(order_id: str) -> str:
    return await checkout(order_id)
