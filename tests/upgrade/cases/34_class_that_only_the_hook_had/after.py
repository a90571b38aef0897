from pydantic import BaseModel

from wfc import create_hook


class Approval(BaseModel):
    approved: bool


class Decision(BaseModel):
    approved: bool
    by: str = "nobody"


async def charge(order: str) -> str:
    "use step"
    return f"paid {order}"


async def flow(order: str) -> list:
    "use workflow"
    async with create_hook(Decision, token=order) as hook:
        approval = await hook
        paid = await charge(order)
    return [approval.approved, paid]
