"""A project with a store of its own, as the tests of the experiment have it."""

from tests.experiment.conftest import migrated, project, store

__all__ = ["migrated", "project", "store"]
