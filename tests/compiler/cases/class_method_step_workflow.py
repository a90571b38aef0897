class Ledger:
    book = __wfc__.step("Ledger.book")





    close = __wfc__.step("Ledger.close")




class Special(Ledger):
    pass


async def flow(cents):
    
    await Ledger.close()
    return await Special.book(cents)
