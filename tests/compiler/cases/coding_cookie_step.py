# -*- coding: utf-8 -*-
NAME = "größe"


async def measure(x):
    
    return x


async def flow(x):
    __wfc__.refuse("flow")
    
__wfc__.register("step", "measure", measure)
__wfc__.register("workflow", "flow", flow)
