"""Secrets that would be written to the log."""

from dataclasses import dataclass

from pydantic import SecretStr


async def login(user: str, password: str) -> str:  # WFC342: 28, "`password`"
    "use step"
    return user


async def sync(account: str, stripe_api_key: str | None = None) -> None:  # WFC342: 30, "`stripe_api_key`"
    "use workflow"
    await good_names(account, False, account)


async def sign(text: str, *, token: SecretStr) -> str:  # WFC342: 30, "`token`"
    "use step"
    return text + token.get_secret_value()


@dataclass
class SecretRef:
    path: str


async def good_names(secret_name: str, reset_password: bool, password_hash: str) -> None:
    "use step"


async def good_reference(secret: SecretRef) -> None:
    "use step"


def good_helper(password: str) -> int:
    return len(password)
