async def main():
    "use workflow"
    return await charge()


if __name__ == "__main__":
    print("early")


async def charge():
    "use step"
    return 1
