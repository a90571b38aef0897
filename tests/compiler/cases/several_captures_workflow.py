


async def flow(order, limit):
    
    total, extra = order, 2

    charge = __wfc__.step("flow.charge", lambda: {"limit": limit, "total": total})




    refund = __wfc__.step("flow.refund", lambda: {"extra": extra})



    return await charge(1), await refund()
