"""A few rows of TRACKS."""

from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

YARD = Polygon(box(10, 10, 19, 19).exterior.coords, [box(13, 13, 16, 16).exterior.coords])


def track(aoi: str, month: str, number: str, geometry: BaseGeometry) -> dict[str, object]:
    return {
        "aoi": aoi,
        "time": month,
        "id": number,
        "birth_month": "2018-01",
        "birth_probability": 0.5,
        "confidence": 0.75,
        "geometry": geometry,
    }
