"""Pictures of what validation found, where they tell more than a number. The same findings give the same bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sn7ml.core.errors import Sn7Error
from sn7ml.core.schemas import UNDATED
from sn7ml.report.maps.overlays import overlay, shapes_within, side_by_side, to_png
from sn7ml.scenes.images import read_image
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.layouts import Layout
from sn7ml.validation.facts.labels import flawed_buildings
from sn7ml.validation.facts.outlines import Buildings
from sn7ml.validation.report import Offender, Report

PER_RESULT, IN_ALL = 3, 24
"""Most pictures of one failed expectation, and of a report, which should stay at a few MB."""

THUMBNAIL_PX = 240
"""Longest side of a frame that is shown whole."""

WINDOW_PX, ZOOM = 64, 4
"""Side of the window round a building, pixels of the image, and how much it is enlarged."""

Outlines = Callable[[str, str], Buildings | None]
"""(aoi, month) to the buildings of that frame, in pixels; None if there are none or they cannot be read."""

Pixels = NDArray[np.uint8]

Shown = tuple[str, bytes]
"""A caption, and the picture as a PNG."""

Pictures = Mapping[tuple[str, str], list[Shown]]
"""(suite, name of the expectation) to its pictures."""


def labelled_in_files(root: Path, sources: pd.DataFrame, layout: Layout) -> Outlines:
    """Return the outlines of raw label files, with all their flaws."""
    rows = {(row["aoi"], row["time"]): row for row in sources.to_dict("records")}
    read = lru_cache(maxsize=8)(lambda key: flawed_buildings(root, rows[key], layout))
    return lambda aoi, month: read((aoi, month)) if (aoi, month) in rows else None


def labelled(scenes: Scenes) -> Outlines:
    """Return the outlines of labels."""
    known = set(scenes.frames.loc[scenes.frames["labelled"], "aoi"])
    of_aoi = lru_cache(maxsize=1)(lambda aoi: found(scenes.labels_of([aoi])))
    return lambda aoi, month: of_aoi(aoi)(aoi, month) if aoi in known else None


def found(footprints: pd.DataFrame) -> Outlines:
    """Return the outlines in a table of aoi, time, id and geometry; missing and empty ones are left out."""
    shapes = footprints["geometry"].to_numpy(dtype=object)
    drawable = footprints[~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)]
    known = {
        (str(aoi), str(month)): Buildings(rows["id"].to_numpy(), rows["geometry"].to_numpy(dtype=object))
        for (aoi, month), rows in drawable.groupby(["aoi", "time"])
    }
    return lambda aoi, month: known.get((aoi, month))


def draw_findings(root: Path, frames: pd.DataFrame, report: Report, outlines: Outlines) -> Pictures:
    """Draw some offenders of each failed expectation that has a picture, the worst expectations first.

    What cannot be read is left out: the finding itself says so.
    """
    images = frames.drop_duplicates(["aoi", "time"]).sort_values(["aoi", "time"])
    files = dict(zip(zip(images["aoi"], images["time"], strict=True), images["image"], strict=True))
    camera = _Camera(root, files, outlines)
    drawn: dict[tuple[str, str], list[Shown]] = {}
    room = IN_ALL
    for result in report.failures():
        draw = {"frame": camera.frame, "building": camera.building, "found": camera.found}.get(result.picture)
        tried = map(draw, result.offenders[:PER_RESULT]) if draw else ()
        shown = [picture for picture in tried if picture is not None][:room]
        if shown:
            drawn[result.suite, result.name] = shown
            room -= len(shown)
    return drawn


@dataclass(frozen=True)
class _Camera:
    root: Path
    images: Mapping[tuple[str, str], str]
    """(aoi, month) to the file, in order."""

    outlines: Outlines

    def frame(self, offender: Offender) -> Shown | None:
        """Show the whole frame, beside the nearest other month of its AOI that can be read."""
        named = offender.file.endswith(".tif") and not offender.file.endswith("masks.tif")
        pixels = self._read(offender.file if named else self.images.get((offender.aoi, offender.month)))
        if pixels is None:
            return None
        caption, shown = _frame_name(offender.aoi, offender.month), _thumbnail(pixels)
        months = self._months(offender.aoi)
        place = next((n for n, month in enumerate(months) if month >= offender.month), 0)
        others = [month for month in months if month != offender.month]
        for month in sorted(others, key=lambda it: abs(months.index(it) - place))[:3]:
            other = self._read(self.images[offender.aoi, month])
            if other is not None:
                return f"{caption}, and {month} to compare", to_png(side_by_side(shown, _thumbnail(other)))
        return caption, to_png(shown)

    def building(self, offender: Offender) -> Shown | None:
        """Show the ground round one building, with all outlines (cyan) and its own (orange)."""
        for month in [offender.month] if offender.month else self._months(offender.aoi):
            seen = self._seen(offender.aoi, month)
            if seen is None:
                continue
            buildings, pixels = seen
            mine = np.array([str(it) == offender.building for it in buildings.ids], dtype=bool)
            if mine.any():
                centre = shapely.get_coordinates(shapely.centroid(shapely.union_all(buildings.polygons[mine])))[0]
                picture = _window(pixels, centre, buildings.polygons[~mine], buildings.polygons[mine])
                return f"{_frame_name(offender.aoi, month)}, building {offender.building} in orange", picture
        return None

    def found(self, offender: Offender) -> Shown | None:
        """Show what was found where most of it lies."""
        seen = self._seen(offender.aoi, offender.month)
        if seen is None:
            return self.frame(offender)
        buildings, pixels = seen
        centre = np.median(shapely.get_coordinates(shapely.centroid(buildings.polygons)), axis=0)
        picture = _window(pixels, centre, np.empty(0, dtype=object), buildings.polygons)
        return f"{_frame_name(offender.aoi, offender.month)}, what was found in orange", picture

    def _months(self, aoi: str) -> list[str]:
        return [month for known, month in self.images if known == aoi]

    def _seen(self, aoi: str, month: str) -> tuple[Buildings, Pixels] | None:
        """Return the buildings of a frame and its image; None without either."""
        buildings, pixels = self.outlines(aoi, month), self._read(self.images.get((aoi, month)))
        return None if buildings is None or pixels is None or not len(buildings.ids) else (buildings, pixels)

    def _read(self, file: str | None) -> Pixels | None:
        try:
            return read_image(self.root / file).pixels if file else None
        except Sn7Error:
            return None


def _frame_name(aoi: str, month: str) -> str:
    return aoi if month == UNDATED else f"{aoi} {month}"


def _thumbnail(pixels: Pixels) -> Pixels:
    longest = max(pixels.shape[1:])
    step = -(-longest // THUMBNAIL_PX)
    return overlay(pixels[:, ::step, ::step], [], [], zoom=max(1, THUMBNAIL_PX // longest))


def _window(
    pixels: Pixels, centre: NDArray[np.float64], truth: NDArray[np.object_], orange: NDArray[np.object_]
) -> bytes:
    """Draw ``WINDOW_PX`` round (x, y), inside the image, with the outlines that reach into it, as a PNG."""
    rows, cols = pixels.shape[1:]
    room = np.maximum([cols - WINDOW_PX, rows - WINDOW_PX], 0)
    col, row = np.clip(np.nan_to_num(centre) - WINDOW_PX / 2, 0, room).astype(int)
    cyan, own = (shapes_within(group, row, col, WINDOW_PX) for group in (truth, orange))
    return to_png(overlay(pixels[:, row : row + WINDOW_PX, col : col + WINDOW_PX], cyan, own, zoom=ZOOM))
