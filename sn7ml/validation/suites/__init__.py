"""The suites: table name → what must be true of it, how bad it is if not, why, and what to do.

Missing facts are not judged: a file that cannot be read fails for that, and for nothing else.
"""

from sn7ml.params import SplitParams, TilingParams, ValidationParams
from sn7ml.validation.check import Check
from sn7ml.validation.suites.class_labels import class_checks, class_count_checks
from sn7ml.validation.suites.footprints import (
    building_checks,
    count_checks,
    file_checks,
    footprint_checks,
    track_checks,
)
from sn7ml.validation.suites.frames import frame_checks
from sn7ml.validation.suites.images import image_checks, outline_checks, stretch_checks
from sn7ml.validation.suites.labels import identity_checks, label_checks
from sn7ml.validation.suites.tiles import region_checks, tile_checks

Suites = dict[str, tuple[Check, ...]]


def suites(params: ValidationParams) -> Suites:
    """Return those of raw data in SpaceNet 7's layout: ``frames``, ``labels`` and ``identity``."""
    return {"frames": frame_checks(params), "labels": label_checks(params), "identity": identity_checks(params)}


def image_suites(params: ValidationParams) -> Suites:
    """Return those of raw data in the layouts whose images stage ingest converts: ``images`` and ``outlines``."""
    return {"images": image_checks(params), "outlines": outline_checks(params)}


def class_suites(params: ValidationParams) -> Suites:
    """Return those of raw data in the layouts whose labels are classes of pixels: ``images`` and ``classes``."""
    return {"images": image_checks(params), "classes": class_checks()}


def stretch_suites(params: ValidationParams) -> Suites:
    """Return that of converted images: ``stretch``."""
    return {"stretch": stretch_checks(params)}


def tile_suites(params: ValidationParams, split: SplitParams, tiling: TilingParams) -> Suites:
    """Return those of a tile store: ``tiles`` and ``regions``."""
    return {"tiles": tile_checks(params, tiling), "regions": region_checks(split)}


def found_suites(params: ValidationParams, method: str) -> Suites:
    """Return those of what was found: ``tracks``, ``footprints`` and ``counts``."""
    return {"tracks": track_checks(method), "footprints": footprint_checks(params), "counts": count_checks(params)}


def class_count_suites() -> Suites:
    """Return that of class maps: ``class_counts``."""
    return {"class_counts": class_count_checks()}


def found_building_suites(params: ValidationParams) -> Suites:
    """Return those of what was found in single images, of the same names."""
    counts = count_checks(params, "output.buildings")
    return {"tracks": file_checks(), "footprints": building_checks(params), "counts": counts}
