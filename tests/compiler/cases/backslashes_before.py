from math import \
    pi, \
    tau
X = 1 + \
    2


async def main(): \
    "use workflow"; \
    return X, \
        pi
