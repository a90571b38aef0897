async def charge():
    "use step"
    raise ValueError


async def main():
    "use workflow"
    try:
        await charge()
    except* ValueError as group:
        print(len(group.exceptions))
    finally:
        await charge()
