import os; import json; from math import pi, e; x = os.sep
A = 1; B = 2; c = os.getcwd; D = A + 1
z = [
    1,
]; E = 5
F = 6; junk = {
    "a": 1,
}; G = 7
import sys, \
    textwrap; H = 8


async def main():
    "use workflow"
    return json.dumps([pi, B, D, E, F, G, textwrap.dedent("x"), H])
