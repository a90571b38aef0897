from wfc import create_hook, sleep


async def wait_for_it(token):
    __wfc__.refuse("wait_for_it")
    



__wfc__.register("workflow", "wait_for_it", wait_for_it)
