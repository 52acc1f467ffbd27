"""Optuna lives here: searches over recipes and over the output's params."""

import sn7ml.runs  # noqa: F401 - sets MLflow's environment before anything imports it

# No params, since they change nothing about what is searched.
WORKERS = "SN7ML_SEARCH_WORKERS"
"""Environment variable: how many processes of this machine search side by side. Only one gives the same best each time."""

STUDY_URL = "SN7ML_STUDY_URL"
"""Environment variable: a database for the study, named as for SQLAlchemy, ``postgresql+psycopg2://user:password@host/name``."""
