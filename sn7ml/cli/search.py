"""The search for the best recipe, with as many processes and machines as there are."""

import os
import signal
from typing import Annotated

import typer

from sn7ml.cli.project import dvc, require_project
from sn7ml.search import STUDY_URL, WORKERS


def search(
    workers: Annotated[int, typer.Option(min=1, help="Processes of this machine that search side by side.")] = 1,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Database that holds the study, for several machines: postgresql+psycopg2://user@host/name. "
            "A password is better kept in the variable SN7ML_STUDY_URL, which says the same.",
            show_default="a file in build/.search",
        ),
    ] = None,
) -> None:
    """Run `dvc repro search` with several workers; started again after Ctrl-C or a crash, it goes on where it was.

    The same command on another machine, with the same commit, data and --storage, joins in. See docs/search.md.
    """
    require_project()
    os.environ[WORKERS] = str(workers)
    if storage is not None:
        os.environ[STUDY_URL] = storage
    # Ctrl-C reaches the stage too, which stops its workers and says so in MLflow; it is waited for.
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        dvc("repro", "search")
    finally:
        signal.signal(signal.SIGINT, before)
