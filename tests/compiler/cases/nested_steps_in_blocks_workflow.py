async def flow(x):
    
    try:

        first = __wfc__.step("flow.first", lambda: {"x": x})



        await first()
    except ValueError as error:

        second = __wfc__.step("flow.second", lambda: {"error": error})



        await second()
    with x as opened:

        third = __wfc__.step("flow.third", lambda: {"opened": opened})



        await third()
    match x:
        case [head, *_]:

            fourth = __wfc__.step("flow.fourth", lambda: {"head": head})



            await fourth()
