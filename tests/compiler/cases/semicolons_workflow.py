pass     ; import json; from math import pi   ; pass
A = 1; B = 2; pass         ; D = A + 1
(

); E = 5
F = 6; (

); G = 7
import textwrap \
            ; H = 8


async def main():
    
    return json.dumps([pi, B, D, E, F, G, textwrap.dedent("x"), H])
