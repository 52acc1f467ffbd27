"""A store with toy models, as the tests of the registry have it."""

from tests.registry.conftest import migrated, project, store, toy_registry

__all__ = ["migrated", "project", "store", "toy_registry"]
