from wfc import sleep


charge = __wfc__.step("charge")



async def main():
    
    await charge(1)  # wfc: site[first]
    await charge(2)
    await sleep(1)  # wfc: site[pause]
