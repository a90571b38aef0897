"""What is due and waits, counted in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from wfc.worlds.backlog import QueueBacklog
from wfc.worlds.sql_queue import FREE

QUEUES: Final = f"""
SELECT CASE WHEN kind = 'resume' THEN runs.queue ELSE messages.queue END AS place,
    count(*), min(due)
FROM messages LEFT JOIN runs ON runs.run_id = messages.run_id
WHERE messages.worker_id IS NULL AND due <= :now AND {FREE} GROUP BY 1
"""  # noqa: S608 - constants
# Three sets, each by an index of its own: most runs of a large world are in none of them.
STUCK: Final = f"""
SELECT count(*) FROM (
    SELECT run_id FROM runs WHERE blocked IS NOT NULL AND ended_at IS NULL
    UNION
    SELECT run_id FROM runs
    WHERE due_at <= :before AND recorded_at <= :before AND paused = 0 AND blocked IS NULL
    UNION
    SELECT messages.run_id FROM messages JOIN runs ON runs.run_id = messages.run_id
    WHERE messages.worker_id IS NULL AND due <= :before AND recorded_at <= :before
    AND ended_at IS NULL AND {FREE} AND (messages.queue IS NULL OR EXISTS (
        SELECT 1 FROM workers WHERE lease_until > :now
        AND (queues = '[]' OR messages.queue IN (SELECT value FROM json_each(queues)))))
) AS stuck
"""  # noqa: S608 - constants


def queues_of(rows: Sequence[Sequence[Any]]) -> tuple[QueueBacklog, ...]:
    """Make rows of `QUEUES` what they mean, in order."""
    found = [QueueBacklog(queue=queue, depth=count, oldest=oldest) for queue, count, oldest in rows]
    return tuple(sorted(found, key=lambda each: each.queue or ""))
