"""Areas and lengths on the ground: on the ellipsoid of the grid's CRS, whatever the CRS does to either.

Web Mercator stretches areas by 1.52² at Paris, degrees are no lengths at all, and the sphere is off by up to 0.67 %.
Outlines are measured on a plane that keeps areas: Lambert's azimuthal equal-area projection of the ellipsoid.
"""

from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import LambertAzimuthalEqualAreaConversion
from pyproj.exceptions import CRSError

from sn7ml.core.errors import GridError
from sn7ml.core.geo.grid import Grid

COLUMNS_SAMPLED = 9
"""Columns at which a row's pixels are measured. In Mercator and in degrees they are all alike; in UTM, within 1e-5."""


def outline_areas_m2(outlines: NDArray[np.object_], grid: Grid) -> NDArray[np.float64]:
    """Return the ground area of each outline, in pixels of ``grid`` (x = column, y = row); 0 for None and EMPTY.

    Raises
    ------
    GridError
        If the CRS of the grid is unknown, or its pixels lie where the CRS is not defined.
    """
    plane = _equal_area_plane(grid)
    flat = shapely.transform(grid.to_crs(outlines), lambda xy: np.column_stack(plane.transform(*xy.T)))
    _finite(shapely.get_coordinates(flat), grid)
    return np.asarray(np.nan_to_num(shapely.area(flat)))  # of None it is NaN


def row_pixel_areas_m2(grid: Grid) -> NDArray[np.float64]:
    """Return the ground area of a pixel of each row: (rows,).

    Raises
    ------
    GridError
        As :func:`outline_areas_m2`.
    """
    rows, cols = grid.shape
    row, col = np.meshgrid(np.arange(rows) + 0.5, np.linspace(0.5, cols - 0.5, COLUMNS_SAMPLED), indexing="ij")
    plane = _equal_area_plane(grid)

    def on_plane(col_shift: float, row_shift: float) -> NDArray[np.float64]:
        """(2, rows, COLUMNS_SAMPLED), metres: points beside the pixels' centres."""
        x, y = grid.transform @ (col + col_shift, row + row_shift)
        return np.array(plane.transform(x, y))

    along_cols = on_plane(0.5, 0.0) - on_plane(-0.5, 0.0)
    along_rows = on_plane(0.0, 0.5) - on_plane(0.0, -0.5)
    cross = along_cols[0] * along_rows[1] - along_cols[1] * along_rows[0]
    return _finite(np.abs(cross).mean(axis=1), grid)


def pixel_size_m(grid: Grid) -> tuple[float, float]:
    """Return (height, width) of the middle pixel on the ground, in metres: along its column, and along its row.

    Raises
    ------
    GridError
        As :func:`outline_areas_m2`.

    Examples
    --------
    >>> from affine import Affine
    >>> vegas = Grid(4326, Affine(2.7e-6, 0, -115.2, 0, -2.7e-6, 36.2), (650, 650))
    >>> [round(side, 3) for side in pixel_size_m(vegas)]  # square in degrees, not on the ground
    [0.3, 0.243]
    """
    rows, cols = grid.shape
    crs = _crs_of(grid)
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    # The middles of the pixel's four sides: west, east, north, south.
    col, row = cols / 2 + np.array([-0.5, 0.5, 0.0, 0.0]), rows / 2 + np.array([0.0, 0.0, -0.5, 0.5])
    longitude, latitude = to_degrees.transform(*(grid.transform @ (col, row)))
    _finite(np.array([longitude, latitude]), grid)
    ellipsoid = Geod(a=crs.ellipsoid.semi_major_metre, b=crs.ellipsoid.semi_minor_metre)  # type: ignore[union-attr]
    _, _, sides = ellipsoid.inv(longitude[::2], latitude[::2], longitude[1::2], latitude[1::2])
    width, height = map(float, sides)
    return height, width


def _crs_of(grid: Grid) -> CRS:
    if not grid.placed:
        raise GridError("grid.nowhere", "the image does not say where it lies, so its areas and lengths are unknown")
    try:
        crs = CRS.from_epsg(grid.epsg)
    except CRSError:
        raise GridError("grid.crs-unknown", f"EPSG:{grid.epsg} is no CRS that PROJ knows") from None
    if crs.geodetic_crs is None or crs.ellipsoid is None:
        raise GridError("grid.crs-not-on-earth", f"EPSG:{grid.epsg} is not tied to the Earth; areas have no meaning")
    return crs


def _equal_area_plane(grid: Grid) -> Transformer:
    """Return CRS coordinates to metres on a plane that touches the ellipsoid at the middle of the grid."""
    rows, cols = grid.shape
    crs = _crs_of(grid)
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    middle = _finite(np.array(to_degrees.transform(*(grid.transform @ (cols / 2, rows / 2)))), grid)
    return _plane_at(grid.epsg, round(float(middle[0]), 2), round(float(middle[1]), 2))


@lru_cache(maxsize=256)
def _plane_at(epsg: int, longitude: float, latitude: float) -> Transformer:
    crs = CRS.from_epsg(epsg)
    plane = ProjectedCRS(LambertAzimuthalEqualAreaConversion(latitude, longitude), geodetic_crs=crs.geodetic_crs)
    return Transformer.from_crs(crs, plane, always_xy=True)


def _finite(values: NDArray[np.float64], grid: Grid) -> NDArray[np.float64]:
    if not np.isfinite(values).all():
        raise GridError("grid.off-earth", f"{grid} lies where its CRS is not defined")
    return values
