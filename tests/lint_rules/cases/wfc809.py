"""Cron expressions that no schedule takes."""

from wfc.api import schedule


async def nightly() -> None:
    "use workflow"


async def words() -> None:
    await schedule(nightly, name="a", cron="every night")  # WFC809: 44, "every night"


async def hour() -> None:
    await schedule(nightly, name="b", cron="0 25 * * *")  # WFC809: 44, "0 25"


async def short() -> None:
    await schedule(nightly, name="c", cron="0 3 *")  # WFC809: 44, "0 3"


async def good_night() -> None:
    await schedule(nightly, name="d", cron="0 3 * * *")


async def good_name(text: str) -> None:
    await schedule(nightly, name="e", cron=text)


async def good_every() -> None:
    await schedule(nightly, name="f", every="1h")
