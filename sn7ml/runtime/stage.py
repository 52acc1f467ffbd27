"""What every stage script shares: paths from the command line, errors as one sentence."""

import argparse
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sn7ml.errors import Sn7Error


def run_stage(main: Callable[..., None], *names: str) -> None:
    """Call ``main`` with one ``Path`` per name, by keyword, taken in that order from the command line.

    An :class:`Sn7Error`, or an error of the file system such as a full disk, becomes one message on stderr and exit code
    1; DVC then stops the pipeline. Any other exception is a defect of ours and keeps its traceback, also where it is the
    cause of ItemsFailed. Ctrl-C is none, nor is SIGTERM, by which clusters end jobs: what is under way is cleaned up first.
    """
    parser = argparse.ArgumentParser(description=sys.modules[main.__module__].__doc__)
    for name in names:
        parser.add_argument(name, type=Path)
    arguments = vars(parser.parse_args())
    try:
        with _sigterm_interrupts():
            main(**arguments)
    except (Sn7Error, OSError) as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a stage speaks to a terminal
        raise SystemExit(1) from None
    except KeyboardInterrupt as interrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        number = signal.SIGTERM if isinstance(interrupt, _Terminated) else signal.SIGINT
        raise SystemExit(128 + number) from None  # as shells say it


class _Terminated(KeyboardInterrupt):
    """SIGTERM, handled as Ctrl-C is."""


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: the clean-up is not to be interrupted
    raise _Terminated
