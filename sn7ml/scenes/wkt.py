"""WKT of polygons, read many at a time; text that others wrote must not stop the reading of the rest."""

import re
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError

from sn7ml.scenes.row_errors import clipped

POLYGONAL = ("POLYGON", "MULTIPOLYGON")
CURVED = re.compile(r"CURVE|CIRCULAR|SURFACE", re.IGNORECASE)
DEEPEST = 50
"""Collections within one another. GEOS recurses, and some ten thousand end the process."""


def read_wkt(texts: Sequence[str]) -> NDArray[np.object_]:
    """Read geometries as they stand: EMPTY, self-crossing, with Z or M, lines and points as well.

    None where a text is empty or no WKT of straight lines, see :func:`why_no_wkt`.
    """
    plain = np.array([text if text and not _is_dangerous(text) else None for text in texts], dtype=object)
    with np.errstate(all="ignore"):  # numpy warns of numbers such as nan and 1e999, which is for the caller to judge
        geometries: NDArray[np.object_] = shapely.from_wkt(plain, on_invalid="ignore")
    return geometries


def why_no_wkt(text: str) -> str:
    """Return GEOS's reason why ``text`` is no WKT, clipped; "" if it is."""
    if _is_dangerous(text):
        return "curves and collections of collections are not read"
    try:
        with np.errstate(all="ignore"):
            shapely.from_wkt(text)
    except ShapelyError as error:
        return clipped(str(error).partition(": ")[2] or str(error))
    return ""


def _is_dangerous(text: str) -> bool:
    # shapely refuses a whole array for one curve. Almost every text is seen here to be a polygon, which holds neither.
    if text.startswith(POLYGONAL):
        return False
    return bool(CURVED.search(text)) or text.upper().count("COLLECTION") > DEEPEST
