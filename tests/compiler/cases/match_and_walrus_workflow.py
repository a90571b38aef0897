async def main(order):
    
    match order:
        case {"id": str(id)} if (n := len(id)) > 3:
            return n
        case [first, *rest]:
            return await main(first)
        case _:
            return None
