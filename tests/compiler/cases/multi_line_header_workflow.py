async def checkout(
    order_id: str,
    *,
    rate: int = 1,
) -> tuple[
    str,
    int,
]:
    """Check out."""

    

    return (
        order_id,
        rate,
    )
