"""Errors that lose what they were made of."""

from wfc import FatalError


class CardDeclined(Exception):
    def __init__(self, card: str, code: int) -> None:
        super().__init__(f"{card} was declined")
        self.card, self.code = card, code


class OutOfStock(FatalError):
    def __init__(self, item: str, *, left: int) -> None:
        super().__init__(item)
        self.left = left


class StillOutOfStock(OutOfStock):
    pass


class Whole(Exception):
    def __init__(self, card: str, code: int = 0) -> None:
        super().__init__(card)
        self.code = code


class Kept(Exception):
    def __init__(self, card: str, code: int) -> None:
        self.card, self.code = card, code


class Reduced(Exception):
    def __init__(self, card: str) -> None:
        super().__init__(f"{card} was declined")
        self.card = card

    def __reduce__(self) -> tuple[object, ...]:
        return Reduced, (self.card,)


async def charge(card: str) -> str:
    "use step"
    if not card:
        raise CardDeclined(card, 51)  # WFC406: 15, "`card` and `code`"
    raise OutOfStock(card, left=0)  # WFC406: 11, "`left`"


def reserve(item: str) -> None:
    "use step"
    try:
        print(item)
    except OSError as error:
        raise StillOutOfStock(item, left=1) from error  # WFC406: 15, "`StillOutOfStock`"


async def good_charge(card: str) -> str:
    "use step"
    if card == "kept":
        raise Kept(card, 3)
    raise Whole(card, code=3)


async def good_reduced(card: str) -> str:
    "use step"
    raise Reduced(card)


async def good_builtin(card: str) -> str:
    "use step"
    raise ValueError(card)


async def good_workflow(card: str) -> str:
    "use workflow"
    raise CardDeclined(card, 51)


async def named(card: str) -> str:
    "use step"
    error = CardDeclined(card, 7)
    raise error  # WFC406: 11, "`card` and `code`"
