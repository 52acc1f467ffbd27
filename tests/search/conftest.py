"""A store per test, as in tests of runs."""

from tests.runs.conftest import migrated, project, store

__all__ = ["migrated", "project", "store"]
