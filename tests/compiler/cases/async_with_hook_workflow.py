from wfc import create_hook, sleep


async def wait_for_it(token):
    
    async with create_hook(token=f"order:{token}") as hook:
        answer = await hook
    await sleep("1h")
    return answer
