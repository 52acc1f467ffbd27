"""Processes that do the same work side by side, each of which may be killed without the others."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from uuid import uuid4

from sn7ml.core.errors import ParamsError, Sn7Error
from sn7ml.core.runtime.parallel import shared_cores
from sn7ml.search import WORKERS

TICK_SECONDS = 5.0
"""How often the parent calls ``on_tick`` when no worker ends."""

PATIENCE_SECONDS = 30.0
"""How long a worker that is asked to stop may take before it is killed."""

Work = Callable[[str], None]
"""What a worker of this name does. Must be picklable."""


@dataclass(frozen=True)
class Worker:
    """One process."""

    name: str
    """Unique on all machines: a worker that takes another's place has another name."""

    process: BaseProcess

    failure: Connection
    """Says which exception ended it."""


def search_workers() -> int:
    """Return how many workers ``WORKERS`` asks for; 1 if it is not set. Raises ParamsError for no positive number."""
    text = os.environ.get(WORKERS) or "1"
    if not text.isdigit() or int(text) < 1:
        raise ParamsError("search.worker-count", f"{WORKERS} needs a positive number, got {text!r}")
    return int(text)


def work_together(work: Work, count: int, on_death: Callable[[str], bool], on_tick: Callable[[], None]) -> None:
    """Run ``work`` in ``count`` processes until all have ended; call ``on_tick`` every few seconds.

    ``on_death`` is called with the name of a worker that was killed. It returns True if that was at work, and another
    shall take its place; False if it died before it could begin, as another would.

    Raises what a worker raised, after the others were stopped, as on an interrupt: an Sn7Error, or a RuntimeError in
    place of any other exception, whose traceback the worker has printed.
    """
    workers = [_start(work, place, count) for place in range(count)]
    try:
        while workers:
            wait([worker.process.sentinel for worker in workers], TICK_SECONDS)
            for worker in [worker for worker in workers if not worker.process.is_alive()]:
                place = workers.index(worker)
                workers.remove(worker)
                if worker.failure.poll():
                    with suppress(EOFError):  # killed, which closes the pipe too
                        raise worker.failure.recv()
                if worker.process.exitcode and on_death(worker.name):
                    workers.insert(place, _start(work, place, count))
            on_tick()
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(PATIENCE_SECONDS)
            worker.process.kill()


def _start(work: Work, place: int, count: int) -> Worker:
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    name = uuid4().hex
    process = context.Process(target=_run, args=(work, name, sending), name=f"worker {place + 1}")
    # Workers ignore Ctrl-C, which a terminal sends to all processes: the parent decides what ends.
    in_main = threading.current_thread() is threading.main_thread()  # no other thread may set handlers
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None
    try:
        with shared_cores(count):
            process.start()
    finally:
        if in_main:
            signal.signal(signal.SIGINT, before)
    sending.close()
    return Worker(name, process, receiving)


def _run(work: Work, name: str, failure: Connection) -> None:
    """Do the work in a process of its own; SIGTERM, and the death of the parent, interrupt it as Ctrl-C would."""

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: the clean-up is not to be interrupted
        raise KeyboardInterrupt

    def end_with_parent() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, interrupt)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        work(name)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGTERM)
    except Sn7Error as error:
        failure.send(error)
    except Exception as error:  # noqa: BLE001 - handed to the parent, which raises it
        traceback.print_exc()
        failure.send(RuntimeError(f"{type(error).__name__} in a worker, see above: {error}"))
