async def checkout(
    order_id: str,
    *,
    rate: int = 1,
) -> tuple[
    str,
    int,
]:
    """Check out."""

    "use workflow"

    return (
        order_id,
        rate,
    )
