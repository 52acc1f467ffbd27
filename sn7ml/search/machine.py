"""What a machine says about how it searches: no keys of ``params.yaml``, since they change nothing about what is searched."""

import os

from sn7ml.core.errors import ParamsError

WORKERS = "SN7ML_SEARCH_WORKERS"
"""Environment variable: how many processes of this machine search side by side. Only one gives the same best each time."""

STUDY_URL = "SN7ML_STUDY_URL"
"""Environment variable: a database for the study, named as for SQLAlchemy, ``postgresql+psycopg2://user:password@host/name``."""


def search_workers() -> int:
    """Return how many workers this machine is to have; 1 if it says nothing. Raises ParamsError if that is no positive number."""
    text = os.environ.get(WORKERS) or "1"
    if not text.isdigit() or int(text) < 1:
        raise ParamsError("search.worker-count", f"{WORKERS} needs a positive number, got {text!r}")
    return int(text)


def study_url() -> str | None:
    """Return the database that holds studies; None for a file beside the project."""
    return os.environ.get(STUDY_URL) or None
