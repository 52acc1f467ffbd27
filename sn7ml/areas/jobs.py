"""A queue of jobs that survives kills: a job is gone only when its worker says that the result is written.

``LocalJobs`` is a file (SQLite) for any number of workers on one machine; ``BrokerJobs`` is a queue of SQS, Redis or
RabbitMQ for many machines. A job may be handed out twice (its worker was slow, or died after writing): results are
written under the job's name, so that the second one changes nothing.
"""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from kombu.connection import Connection
from kombu.exceptions import KombuError, OperationalError

from sn7ml.core.errors import AreasError

LEASE_S = 20.0
"""A worker that has not been heard of for so long is taken for dead, and its job handed to another."""

HIDDEN_S = 600
"""For so long SQS and Redis hand out a job to one worker only. They cannot be told that it is alive."""

CLAIMED_AT_ONCE = 2
"""Jobs that a worker holds: the one at work, and the one whose tiles are fetched meanwhile."""

MOST_TRIES = 25
"""Times that a job is handed out. One that kills each of its workers must not stop the others for ever."""


@dataclass(frozen=True)
class Claim:
    """A job that a worker holds."""

    job: str
    """As it was put."""

    done: Callable[[], None]
    """Takes the job off the queue; to be called when its result is written."""

    keep: Callable[[], None]
    """Says that the worker is alive; to be called at least every ``LEASE_S`` / 3."""

    give_up: Callable[[], None]
    """Hands the job back at once."""


class Jobs(Protocol):
    """A queue of jobs, each a text."""

    def put(self, jobs: Sequence[str]) -> int:
        """Add jobs; return how many are new, as far as the queue can know."""
        ...

    def claim(self) -> Claim | None:
        """Return a job that nobody holds, or None if there is none at the moment."""
        ...

    def open_jobs(self) -> int:
        """Return how many are not done; held ones count. Of a broker's queue it is an estimate."""
        ...

    def close(self) -> None:
        """Hand back what is held and leave."""
        ...


def open_jobs(url: str) -> Jobs:
    """Open a queue.

    Parameters
    ----------
    url
        A file, made if it is not there; or ``sqs://[KEY:SECRET@]…``, ``redis://…``, ``amqp://…``, with the queue's
        name behind a ``#``, "sn7ml-areas" if there is none.

    Raises
    ------
    AreasError
        If the file is no such queue, or the broker cannot be reached.
    """
    if re.match(r"(sqs|redis|rediss|amqp|amqps|memory)://", url):
        return BrokerJobs(url)
    return LocalJobs(Path(url))


class LocalJobs:
    """Jobs in a file, for workers on one machine: processes that are killed at any time."""

    def __init__(self, path: Path, lease_s: float = LEASE_S, now: Callable[[], float] = time.time) -> None:
        self._path, self._lease_s, self._now = path, lease_s, now
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as base:
            base.execute(
                "CREATE TABLE IF NOT EXISTS jobs (place INTEGER PRIMARY KEY, job TEXT UNIQUE NOT NULL, held_until REAL"
                " NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0)"
            )
            base.execute("CREATE INDEX IF NOT EXISTS open_jobs ON jobs (done, held_until, place)")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Lock the file, and write all or nothing."""
        try:
            with closing(sqlite3.connect(self._path, timeout=60.0, isolation_level=None)) as base:
                base.execute("PRAGMA synchronous = FULL")
                base.execute("BEGIN IMMEDIATE")
                try:
                    yield base
                except BaseException:
                    base.execute("ROLLBACK")
                    raise
                base.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise AreasError("areas.queue-file", f"{self._path}: cannot be used as a queue ({error})") from None

    def put(self, jobs: Sequence[str]) -> int:
        """Add the jobs that were never put before, in this order."""
        with self._transaction() as base:
            before = base.total_changes
            base.executemany("INSERT OR IGNORE INTO jobs (job) VALUES (?)", ((job,) for job in jobs))
            return base.total_changes - before

    def claim(self) -> Claim | None:
        """Take the first job that nobody holds.

        Raises
        ------
        AreasError
            If a job was handed out ``MOST_TRIES`` times and never done.
        """
        until = self._now() + self._lease_s
        with self._transaction() as base:
            row = base.execute(
                "UPDATE jobs SET held_until = ?, tries = tries + 1 WHERE place = (SELECT place FROM jobs"
                " WHERE done = 0 AND held_until < ? ORDER BY place LIMIT 1) RETURNING place, job, tries",
                (until, self._now()),
            ).fetchone()
        if row is None:
            return None
        place, job, tries = row
        if tries > MOST_TRIES:
            raise AreasError(
                "areas.job-never-done",
                f"job {job} was begun {tries - 1} times and never done; see what the workers say",
            )
        return Claim(
            job,
            done=partial(self._set, "done = 1 WHERE place = ?", place),
            keep=lambda: self._set(
                "held_until = ? WHERE place = ? AND tries = ?", self._now() + self._lease_s, place, tries
            ),
            give_up=partial(self._set, "held_until = 0, tries = tries - 1 WHERE place = ? AND tries = ?", place, tries),
        )

    def _set(self, change: str, *values: float) -> None:
        """Change a job. ``tries`` in the condition: unless it was handed to another meanwhile."""
        with self._transaction() as base:
            base.execute(f"UPDATE jobs SET {change}", values)

    def open_jobs(self) -> int:
        """Count the jobs that are not done."""
        with self._transaction() as base:
            return int(base.execute("SELECT COUNT(*) FROM jobs WHERE done = 0").fetchone()[0])

    def close(self) -> None:
        """Do nothing: the file is open only while it is read or written."""


class BrokerJobs:
    """Jobs in a queue of a message broker, for workers on many machines.

    A broker does not know which jobs were put before. Putting all of them again is harmless: workers pass over those
    whose results are there.
    """

    def __init__(self, url: str, wait_s: float = 2.0) -> None:
        address, _, name = url.partition("#")
        self._wait_s = wait_s
        options = {
            "visibility_timeout": HIDDEN_S,
            "wait_time_seconds": max(1, round(wait_s)),
        }  # read by SQS and Redis
        self._connection = Connection(address, transport_options=options)
        with _explained(address):
            self._connection.ensure_connection(max_retries=2, interval_start=0.5)
            self._queue = self._connection.SimpleQueue(name or "sn7ml-areas", serializer="json")
            self._queue.consumer.qos(prefetch_count=CLAIMED_AT_ONCE)  # all others are for other workers
        self._address = address

    def put(self, jobs: Sequence[str]) -> int:
        """Send all jobs."""
        with _explained(self._address):
            for job in jobs:
                self._queue.put({"job": job})
        return len(jobs)

    def claim(self) -> Claim | None:
        """Take the next message; wait a little for one."""
        with _explained(self._address):
            try:
                message = self._queue.get(block=True, timeout=self._wait_s)
            except self._queue.Empty:
                return None
        return Claim(str(message.payload["job"]), done=message.ack, keep=_nothing, give_up=message.requeue)

    def open_jobs(self) -> int:
        """Ask the broker for the length of its queue."""
        with _explained(self._address):
            return int(self._queue.qsize())

    def close(self) -> None:
        """Hand messages back that were delivered and not claimed, and part from the broker."""
        with _explained(self._address):
            self._queue.close()
            self._connection.close()


def _nothing() -> None:
    """Stay: brokers know that a worker lives by its connection, and SQS waits ``HIDDEN_S``."""


@contextmanager
def _explained(address: str) -> Iterator[None]:
    try:
        yield
    except (OperationalError, KombuError, OSError) as error:
        parts = urlsplit(address)
        shown = f"{parts.scheme}://{parts.hostname or ''}"  # neither user nor password
        raise AreasError("areas.broker", f"{shown}: the queue cannot be reached ({type(error).__name__})") from None
