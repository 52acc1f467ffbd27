"""A store with toy models, as the tests of the registry have it."""

from tests.registry.conftest import court, migrated, project, store

__all__ = ["court", "migrated", "project", "store"]
