"""Body slots: never more are taken than there are, and none is lost on somebody who left."""

from __future__ import annotations

import asyncio

from wfc.runtime.slots import Slots


class Hungry:
    """Wants a slot, until it does not any more."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.wants = True
        self.has = slots.take(self)

    def fill(self) -> None:
        if self.wants:
            self.has = self.slots.take(self)


def test_who_finds_no_slot_is_called_when_there_is_one() -> None:
    """In the order in which they came."""
    slots = Slots(1)
    first, second, third = (Hungry(slots) for _ in range(3))
    assert [each.has for each in (first, second, third)] == [True, False, False]
    slots.give_back()
    assert [each.has for each in (second, third)] == [True, False]
    slots.give_back()
    assert third.has


def test_a_slot_passes_by_who_does_not_want_it_any_more() -> None:
    slots = Slots(1)
    _, gone, third = (Hungry(slots) for _ in range(3))
    gone.wants = False
    slots.give_back()
    assert third.has
    assert not gone.has


async def test_a_slot_can_be_awaited_and_one_given_up_is_not_lost() -> None:
    """Who is cancelled while waiting takes none."""
    slots = Slots(1)
    await slots.taken()
    leaves = asyncio.create_task(slots.taken())
    stays = asyncio.create_task(slots.taken())
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.gather(leaves, return_exceptions=True)
    slots.give_back()
    await stays
    assert not Hungry(slots).has
