class Rates:
    EUR = 3
    USD = EUR * 2

    class Inner:
        deep = 1

    def of(self, name):
        return getattr(self, name)






async def convert(cents):
    
    return Rates().of("EUR") * cents + Rates.Inner.deep
