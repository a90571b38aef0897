
import math as m


from decimal import (Decimal, ROUND_UP



)

RATE = m.pi

TABLE = {}
TABLE["eur"] = 1
TABLE.update(usd=2)




def price(amount):
    return rounded(Decimal(amount) * TABLE["eur"] * int(RATE))


def rounded(value):
    return value.quantize(Decimal("0.01"), ROUND_UP)






async def main(amount):
    
    return price(amount)
