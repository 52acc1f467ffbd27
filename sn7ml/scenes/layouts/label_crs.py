"""Outlines in the CRS of their image, whatever CRS their file is in."""

from dataclasses import replace

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from sn7ml.core.errors import LabelError
from sn7ml.scenes.labels import RawLabels

DEGREES = "EPSG:4326"
FARTHEST_DEGREES = (180.0, 90.0)


def into_crs(raw: RawLabels, epsg: int) -> RawLabels:
    """Return outlines in ``EPSG:<epsg>``, the CRS of their image, flat.

    They are in the CRS that their file declares. Where it declares none they are in degrees, as RFC 7946 has it, if
    all of them can be; else in the CRS of the image.

    Raises LabelError if PROJ does not know the declared CRS.
    """
    wanted = CRS.from_epsg(epsg)
    try:
        found = CRS.from_user_input(raw.crs) if raw.crs else CRS.from_user_input(DEGREES)
    except CRSError:
        raise LabelError(
            "labels.crs",
            f"{raw.path}: declares the CRS {raw.crs!r:.80}, which PROJ does not know; expected one such as "
            f"urn:ogc:def:crs:EPSG::{epsg}, or none",
        ) from None
    if (not raw.crs and not _can_be_degrees(raw)) or _same(found, wanted):
        return raw
    to_image = Transformer.from_crs(found, wanted, always_xy=True)
    moved = shapely.transform(
        shapely.force_2d(raw.geometries), lambda xy: np.column_stack(to_image.transform(xy[:, 0], xy[:, 1]))
    )
    return replace(raw, geometries=moved)


def _can_be_degrees(raw: RawLabels) -> bool:
    return bool((np.abs(shapely.get_coordinates(raw.geometries)) <= FARTHEST_DEGREES).all())


def _same(one: CRS, other: CRS) -> bool:
    """Return True also for two names of WGS 84 in degrees: axes always come as x, y here."""
    if one.is_geographic and other.is_geographic:
        return bool(one.datum == other.datum)
    return bool(one.equals(other, ignore_axis_order=True))
