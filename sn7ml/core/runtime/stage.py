"""What every stage script shares: paths from the command line, errors as one sentence."""

import argparse
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from sn7ml.core.errors import Sn7Error, heading


def run_stage(main: Callable[..., None], *names: str) -> None:
    """Call ``main`` with one ``Path`` per name, by keyword, taken in that order from the command line.

    An :class:`Sn7Error`, or an error of the file system such as a full disk, becomes one message on stderr and exit
    code 1; DVC then stops the pipeline. Any other exception is a defect of ours and keeps its traceback, even as the
    cause of ItemsFailed; Ctrl-C does not.
    """
    parser = argparse.ArgumentParser(description=sys.modules[main.__module__].__doc__)
    for name in names:
        parser.add_argument(name, type=Path)
    arguments = vars(parser.parse_args())
    try:
        main(**arguments)
    except (Sn7Error, OSError) as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        print(f"{heading(error)} {error}", file=sys.stderr)  # noqa: T201 - a stage speaks to a terminal
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        raise SystemExit(130) from None  # as shells say it: 128 and the number of the signal
