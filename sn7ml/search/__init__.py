"""Optuna lives here: searches over recipes and over the output's params."""

import sn7ml.runs  # noqa: F401 - sets MLflow's environment before anything imports it

# No params, since they do not change what is searched.
WORKERS = "SN7ML_SEARCH_WORKERS"
"""Environment variable: number of search processes on this machine. Only one gives the same best each time."""

STUDY_URL = "SN7ML_STUDY_URL"
"""Environment variable: SQLAlchemy's URL of a database for the study, ``postgresql+psycopg2://user:password@host/name``."""
