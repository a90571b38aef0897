



charge = __wfc__.step("charge")





async def main():  # a workflow
    # before
                    # here
    # after
    return await charge()  # the end



