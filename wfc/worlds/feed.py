"""The change feed inside one process: who waits for news of which topic."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

RUNS: Final = "runs"
HOOKS: Final = "hooks"
QUEUES: Final = "queues"
WORKERS: Final = "workers"
VERSIONS: Final = "versions"
SCHEDULES: Final = "schedules"
ENDS: Final = "ends"
AUDIT: Final = "audit"


def run_topic(run_id: str) -> str:
    """Name the topic of one run."""
    return f"run:{run_id}"


def stream_topic(run_id: str) -> str:
    """Name the topic of the streams of one run."""
    return f"stream:{run_id}"


class Feed:
    """Hands news to the watches of a topic; belongs to the event loop of its world."""

    def __init__(self) -> None:
        """Begin without watches."""
        self._watches: dict[str, set[FeedWatch]] = {}

    def watch(self, topics: Iterable[str]) -> FeedWatch:
        """Begin to remember news of `topics`."""
        made = FeedWatch(self, frozenset(topics))
        for topic in made.topics:
            self._watches.setdefault(topic, set()).add(made)
        return made

    def publish(self, topics: Iterable[str]) -> None:
        """Tell every watch of `topics`."""
        for topic in topics:
            for watch in self._watches.get(topic, ()):
                watch.tell()

    def publish_all(self) -> None:
        """Tell every watch: another process wrote, and only a look can say what."""
        self.publish(self._watches)

    def forget(self, watch: FeedWatch) -> None:
        """Stop telling `watch`."""
        for topic in watch.topics:
            others = self._watches.get(topic)
            if others is not None:
                others.discard(watch)
                if not others:
                    del self._watches[topic]


class FeedWatch:
    """News about some topics since it was made. It may wake without news, never sleep over any."""

    def __init__(self, feed: Feed, topics: frozenset[str]) -> None:
        """Remember news of `topics` that come through `feed`."""
        self.topics = topics
        self._feed = feed
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Note that there is news."""
        self._news.set()

    async def changed(self, timeout_s: float) -> bool:
        """Wait until there is news, or give False after `timeout_s` seconds."""
        if not self._news.is_set():
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                return False
        self._news.clear()
        return True

    def close(self) -> None:
        """Stop watching; a second call does nothing."""
        self._feed.forget(self)
