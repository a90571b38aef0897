from wfc import create_hook, policy, sleep


@policy(timeout="1d")
async def main():
    
    async with create_hook(str, token="t") as hook:
        answer = await hook
    await sleep(1)
    return answer
