# -*- coding: utf-8 -*-
NAME = "größe"


async def measure(x):
    "use step"
    return x


async def flow(x):
    "use workflow"
    return NAME + await measure(x)
