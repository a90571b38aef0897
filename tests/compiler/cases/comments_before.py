#!/usr/bin/env python3
# -*- coding: utf-8 -*-
# A licence.

async def charge():  # a step
    "use step"  # here
    return 1  # the end
# between


async def main():  # a workflow
    # before
    "use workflow"  # here
    # after
    return await charge()  # the end
    # trailing

# the end of all