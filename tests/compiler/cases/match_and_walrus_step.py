async def main(order):
    __wfc__.refuse("main")
    






__wfc__.register("workflow", "main", main)
