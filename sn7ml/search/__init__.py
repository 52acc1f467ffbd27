"""Optuna lives here: searches over recipes and over the output's params."""

import sn7ml.runs  # noqa: F401 - sets MLflow's environment before anything imports it
