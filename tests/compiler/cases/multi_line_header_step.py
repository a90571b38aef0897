async def checkout(
    order_id: str,
    *,
    rate: int = 1,
) -> tuple[
    str,
    int,
]:
    """Check out."""

    __wfc__.refuse("checkout")

    



__wfc__.register("workflow", "checkout", checkout)
