from math import (pi

)
X = 1 + \
    2


async def main(): \
    pass          ; \
    return X, \
        pi
