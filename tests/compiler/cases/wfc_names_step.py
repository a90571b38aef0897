from wfc import create_hook, policy, sleep


@policy(timeout="1d")
async def main():
    __wfc__.refuse("main")
    



__wfc__.register("workflow", "main", main)
