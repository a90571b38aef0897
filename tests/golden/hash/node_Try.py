async def flow(x, y=None):
    "use workflow"
    try:
        a = x
    except (E, F) as e:
        raise e
    except:
        pass
    else:
        a = 2
    finally:
        b = 3
    return a, b
