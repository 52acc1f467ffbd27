"""Faults in polygons that others wrote: which cannot be pixels or outlines, and how many are told at once."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sn7ml.core.geo.polygons import TANGLED, tangled

FARTHEST_PX = 100_000
"""A hundred images away. Web-mercator coordinates are in the millions nearly everywhere on land."""

LISTED = 20
CLIPPED = 60


def not_in_pixels(geometries: NDArray[np.object_], farthest: float = FARTHEST_PX) -> NDArray[np.bool_]:
    """Mark geometries with a coordinate that is not finite or lies beyond ±``farthest``; Z and M are not looked at.

    What is None or EMPTY is not marked.
    """
    places, owner = shapely.get_coordinates(geometries, return_index=True)
    marked = np.zeros(len(geometries), dtype=bool)
    marked[owner[~(np.abs(places) <= farthest).all(axis=1)]] = True  # so written, NaN is marked
    return marked


def not_finite(geometries: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Mark geometries with a coordinate that is NaN or infinite; Z and M are not looked at."""
    return not_in_pixels(geometries, np.finfo(np.float64).max)


def unusable(geometries: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Mark geometries that cannot be pixels, or that are too tangled to be compared with others."""
    marked = not_in_pixels(geometries)
    marked[~marked] = tangled(geometries[~marked])
    return marked


def why_unusable(geometry: BaseGeometry) -> str:
    """Say of one marked geometry what is wrong, as the rest of a sentence."""
    if not not_in_pixels(np.array([geometry])).any():
        return TANGLED
    places = shapely.get_coordinates(geometry).ravel()
    if not np.isfinite(places).all():
        return "has a coordinate that is no finite number; expected pixels"
    farthest = places[np.abs(places).argmax()]
    return (
        f"reaches {farthest:,.1f}, beyond ±{FARTHEST_PX:,} px, and so looks like CRS coordinates; "
        "expected pixels, as labels_match_pix has them and labels_match has not"
    )


def clipped(text: str) -> str:
    """Return at most ``CLIPPED`` characters of ``text``; the last is … if some are left out."""
    return text if len(text) <= CLIPPED else f"{text[: CLIPPED - 1]}…"


def quoted(text: str) -> str:
    """Return ``text`` clipped, in quotes and on one line."""
    return repr(clipped(text))


def quoted_ends(text: str) -> str:
    """Return both ends of ``text`` in quotes: of a row, a stem alone would fill the beginning."""
    half = CLIPPED // 2
    return repr(text if len(text) <= CLIPPED else f"{text[:half]}…{text[-half + 1 :]}")


def listing(head: str, faults: Sequence[Sequence[str]], total: int) -> str:
    """Return an error's text: ``head``, what is wrong with the first ``LISTED`` things, and how many more there are.

    ``faults`` are sentences by thing (a line or a file), at least for the first ``LISTED`` of ``total`` things.
    """
    sentences = [f"  {sentence}" for thing in faults[:LISTED] for sentence in thing]
    rest = [f"  … and {total - LISTED:,} more"] if total > LISTED else []
    return "\n".join([head, *sentences, *rest])
