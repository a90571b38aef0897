async def flow(x):
    "use workflow"
    try:

        async def first():
            "use step"
            return x

        await first()
    except ValueError as error:

        async def second():
            "use step"
            return error

        await second()
    with x as opened:

        def third():
            "use step"
            return opened

        await third()
    match x:
        case [head, *_]:

            async def fourth():
                "use step"
                return head

            await fourth()
