#!/usr/bin/env python3
# -*- coding: utf-8 -*-
# A licence.

async def charge():  # a step
                # here
    return 1  # the end
# between


async def main():  # a workflow
    # before
    __wfc__.refuse("main")  # here
    # after
    
    # trailing

# the end of all
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "main", main)
