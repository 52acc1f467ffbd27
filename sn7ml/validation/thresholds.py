"""Thresholds for those who have no params.yaml."""

from sn7ml.params import ValidationParams

BUILT_IN = ValidationParams(
    sides_px=(63, 1024),
    min_usable_fraction=0.5,
    max_small_fraction=0.2,
    max_birth_fraction=0.3,
    max_outside_px=16.0,
    max_block_px=1048576,
    min_contrast=4.0,
    max_brightness_change=60.0,
    max_black_fraction=0.01,
    min_sharpness_ratio=0.3,
    max_shift_px=1.5,
    min_similarity=0.3,
    max_gap_months=1,
    max_hidden_fraction=0.02,
    max_overlap_fraction=0.02,
    max_area_px2=20000.0,
    max_death_fraction=0.1,
    max_return_fraction=0.1,
    max_changed_fraction=0.05,
    max_count_change=0.3,
    max_label_shift_px=0.5,
    max_mask_error=0.2,
    max_density_ratio=3.0,
)
"""Those of the project's own params.yaml, which fit SpaceNet 7 and crops of it; a test holds them to it."""
