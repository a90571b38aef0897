pass         ; β = "😀"; pass                ; γ = 1


größe = __wfc__.step("größe")




async def main():
    pass          ; x = await größe("😀"); return x, β, γ
