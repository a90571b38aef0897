"""What happens to one invoice: check it, charge and send the receipt at once, wait, book it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from examples.billing import ledger
from wfc import Backoff, FatalError, get_step_metadata, policy, sleep

CURRENCIES = ("CHF", "EUR", "GBP", "JPY", "SEK", "USD")


@dataclass(frozen=True)
class Invoice:
    """A row of `invoices.csv`; the amount is in cents (in yen for JPY)."""

    number: str
    customer: str
    email: str
    amount_cents: int
    currency: str
    due_date: str


async def bill(invoice: Invoice) -> str:
    """Bring one invoice to its end and give its line in the books."""
    "use workflow"
    await validate(invoice)
    payment, _ = await asyncio.gather(charge(invoice), send_receipt(invoice))
    await sleep("2s")  # the bank settles; no process is needed meanwhile
    return await asyncio.to_thread(book, invoice, payment)


async def validate(invoice: Invoice) -> None:
    """Refuse what can never be paid."""
    "use step"
    ledger.enter("validate", invoice.number)
    if invoice.amount_cents <= 0 or invoice.currency not in CURRENCIES or "@" not in invoice.email:
        raise FatalError(f"{invoice.number} cannot be billed: {invoice}")


async def charge(invoice: Invoice) -> str:
    """Take the money. The demo kills the worker in the middle of this."""
    "use step"
    if ledger.enter("charge", invoice.number):
        await asyncio.sleep(ledger.HOLD_S)
    return f"pay-{invoice.number}-{invoice.amount_cents}{invoice.currency}"


@policy(attempts=3, backoff=Backoff(initial="100ms"))
async def send_receipt(invoice: Invoice) -> str:
    """Send the receipt by a mail server that turns some letters away the first time."""
    "use step"
    ledger.enter("send_receipt", invoice.number)
    if get_step_metadata().attempt == 1 and is_greylisted(invoice.number):
        raise ConnectionError(f"{invoice.email}: 451 greylisted, try again later")
    return f"receipt-{invoice.number}"


def book(invoice: Invoice, payment: str) -> str:
    """Enter the payment; an ordinary function, so it runs in a thread. Killed once, too."""
    "use step"
    if ledger.enter("book", invoice.number):
        ledger.hold()
    return f"{invoice.due_date} {invoice.customer}: {payment}"


def is_greylisted(number: str) -> bool:
    """Tell which receipts are refused on the first try: every tenth."""
    return number.endswith("5")
