"""A store with toy models, as the tests of experiment have it."""

from tests.experiment.conftest import court, migrated, project, store

__all__ = ["court", "migrated", "project", "store"]
