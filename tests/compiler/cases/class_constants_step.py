class Rates:
    EUR = 3
    USD = EUR * 2

    class Inner:
        deep = 1

    def of(self, name):
        return getattr(self, name)


class Unreached:
    EUR = open


async def convert(cents):
    __wfc__.refuse("convert")
    
__wfc__.register("workflow", "convert", convert)
