"""The model registry: versions, aliases, the gate, and running a version by its own code."""

import sn7ml.runs  # noqa: F401 - sets MLflow's environment before anything imports it
