"""Steps that change copies."""

from dataclasses import dataclass, field


@dataclass
class Order:
    id: str
    status: str = "new"
    lines: list[str] = field(default_factory=list)

    async def ship(self) -> None:
        "use step"
        self.status = "shipped"  # WFC355: 9, "`self`"

    async def good_method(self) -> "Order":
        "use step"
        self.status = "shipped"
        return self


async def pay(order: Order) -> None:
    "use step"
    print(order.id)
    order.status = "paid"  # WFC355: 5, "`order`"


async def collect(day: str, found: list[str]) -> int:
    "use step"
    found.append(day)  # WFC355: 5, "`found`"
    return 1


async def count(counts: dict[str, int], word: str) -> bool:
    "use step"
    counts[word] = counts.get(word, 0) + 1  # WFC355: 5, "`counts`"
    return True


async def good_returned(order: Order) -> Order:
    "use step"
    order.status = "paid"
    return order


async def good_own_copy(found: list[str], day: str) -> None:
    "use step"
    found = [*found]
    found.append(day)
    print(found)


async def good_sent(payload: dict[str, str]) -> None:
    "use step"
    payload["sent_by"] = "shop"
    await post(payload)


async def good_part(order: Order) -> str:
    "use step"
    order.status = order.status.upper()
    return order.status


async def post(payload: dict[str, str]) -> None:
    print(payload)


async def note(order: Order, text: str) -> None:
    "use step"
    order.lines.append(text)  # WFC355: 5, "`order`"
    print(f"{order.id}: {len(order.lines)}")


async def total(orders: list[Order], sums: dict[str, int]) -> None:
    "use step"
    for order in orders:
        sums[order.id] = sums.get(order.id, 0) + 1  # WFC355: 9, "`sums`"


async def good_best(numbers: list[int]) -> int:
    "use step"
    numbers.sort()
    best = numbers[0]
    return best


async def good_settings(settings: dict[str, str]) -> str:
    "use step"
    settings.pop("debug", None)
    text = ",".join(f"{key}={value}" for key, value in settings.items())
    return text


async def good_worked_off(waiting: list[str]) -> int:
    "use step"
    done = 0
    while waiting:
        print(waiting.pop())
        done += 1
    return done


async def good_stored(order: Order) -> None:
    "use step"
    order.status = "stored"
    await post({"status": order.status})


async def size(found: list[str], day: str) -> int:
    "use step"
    found.append(day)  # WFC355: 5, "`found`"
    return len(found)


async def good_longest(found: list[str], day: str) -> int:
    "use step"
    found.append(day)
    return max(len(one) for one in found)
