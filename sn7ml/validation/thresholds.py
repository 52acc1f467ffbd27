"""Thresholds for those who have no params.yaml."""

from sn7ml.params import ValidationParams

BUILT_IN = ValidationParams(
    sides_px=(63, 1024),
    min_usable_fraction=0.5,
    max_small_fraction=0.2,
    max_birth_fraction=0.3,
    max_outside_px=16.0,
)
"""Those of the project's own params.yaml, which fit SpaceNet 7 and crops of it; a test holds them to it."""
