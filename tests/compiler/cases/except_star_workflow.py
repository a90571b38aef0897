charge = __wfc__.step("charge")




async def main():
    
    try:
        await charge()
    except* ValueError as group:
        print(len(group.exceptions))
    finally:
        await charge()
