"""Pictures of what validation found: where a picture tells more than a number. The same findings give the same bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sn7ml.core.errors import Sn7Error
from sn7ml.report.maps.overlays import overlay, side_by_side, to_png
from sn7ml.scenes.images import read_image
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.layouts import Layout
from sn7ml.validation.facts.labels import flawed_buildings
from sn7ml.validation.facts.outlines import Buildings
from sn7ml.validation.report import Offender, Report

PER_RESULT = 3
"""Offenders that are drawn of one failed expectation."""

IN_ALL = 24
"""Pictures of a report: it shall stay a few MB."""

THUMBNAIL_PX = 240
"""Longest side of a frame that is shown whole."""

WINDOW_PX, ZOOM = 64, 4
"""Side of the window round a building, pixels of the image, and how much it is enlarged."""

Outlines = Callable[[str, str], Buildings | None]
"""(aoi, month) to the buildings of that frame, in pixels; None if there are none or they cannot be read."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """A picture and what it shows."""

    caption: str
    png: bytes


Pictures = Mapping[tuple[str, str], list[Shown]]
"""(suite, name of the expectation) to its pictures."""


def labelled_in_files(root: Path, sources: pd.DataFrame, layout: Layout) -> Outlines:
    """Return the outlines of raw label files, with all their flaws."""
    rows = {(row["aoi"], row["time"]): row for row in sources.to_dict("records")}

    @lru_cache(maxsize=8)
    def outlines(aoi: str, month: str) -> Buildings | None:
        row = rows.get((aoi, month))
        return None if row is None else flawed_buildings(root, row, layout)

    return outlines


def labelled(scenes: Scenes) -> Outlines:
    """Return the outlines of labels."""
    frames = scenes.frames[scenes.frames["labelled"]]
    keys = set(zip(frames["aoi"], frames["time"], strict=True))
    labels = lru_cache(maxsize=1)(lambda aoi: scenes.labels_of([aoi]))

    def outlines(aoi: str, month: str) -> Buildings | None:
        if (aoi, month) not in keys:
            return None
        table = labels(aoi)
        rows = table[table["time"] == month]
        return Buildings(rows["id"].to_numpy(), rows["geometry"].to_numpy(dtype=object))

    return outlines


def found(footprints: pd.DataFrame) -> Outlines:
    """Return the outlines of ``FOOTPRINT_FACTS``."""
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
    camera = _Camera(root, frames, outlines)
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
    frames: pd.DataFrame
    outlines: Outlines

    def frame(self, offender: Offender) -> Shown | None:
        """Show the whole frame, beside the nearest other month of its AOI that can be read."""
        named = offender.file.endswith(".tif") and not offender.file.endswith("masks.tif")
        pixels = self._open(offender.file) if named else self._pixels(offender.aoi, offender.month)
        if pixels is None:
            return None
        months = self._months(offender.aoi)
        place = next((n for n, month in enumerate(months) if month >= offender.month), 0)
        others = sorted(
            (month for month in months if month != offender.month), key=lambda it: abs(months.index(it) - place)
        )
        for month in others[:3]:
            other = self._pixels(offender.aoi, month)
            if other is not None:
                pair = side_by_side(_thumbnail(pixels), _thumbnail(other))
                return Shown(f"{offender.aoi} {offender.month}, and {month} to compare", to_png(pair))
        return Shown(f"{offender.aoi} {offender.month}", to_png(_thumbnail(pixels)))

    def building(self, offender: Offender) -> Shown | None:
        """Show the ground round one building, with all outlines (cyan) and its own (orange)."""
        for month in [offender.month] if offender.month else self._months(offender.aoi):
            buildings, pixels = self.outlines(offender.aoi, month), self._pixels(offender.aoi, month)
            if buildings is None or pixels is None:
                continue
            mine = np.array([str(it) == offender.building for it in buildings.ids], dtype=bool)
            if mine.any():
                centre = shapely.get_coordinates(shapely.centroid(shapely.union_all(buildings.polygons[mine])))[0]
                picture = _window(pixels, centre, buildings.polygons[~mine], buildings.polygons[mine])
                return Shown(f"{offender.aoi} {month}, building {offender.building} in orange", to_png(picture))
        return None

    def found(self, offender: Offender) -> Shown | None:
        """Show what was found where most of it lies."""
        buildings, pixels = self.outlines(offender.aoi, offender.month), self._pixels(offender.aoi, offender.month)
        if pixels is None or buildings is None or not len(buildings.ids):
            return self.frame(offender)
        centre = np.median(shapely.get_coordinates(shapely.centroid(buildings.polygons)), axis=0)
        picture = _window(pixels, centre, np.empty(0, dtype=object), buildings.polygons)
        return Shown(f"{offender.aoi} {offender.month}, what was found in orange", to_png(picture))

    def _months(self, aoi: str) -> list[str]:
        return sorted(self.frames.loc[self.frames["aoi"] == aoi, "time"])

    def _pixels(self, aoi: str, month: str) -> Pixels | None:
        images = self.frames.loc[(self.frames["aoi"] == aoi) & (self.frames["time"] == month), "image"]
        return self._open(images.iloc[0]) if len(images) else None

    def _open(self, file: str) -> Pixels | None:
        try:
            return read_image(self.root / file).pixels
        except Sn7Error:
            return None


def _thumbnail(pixels: Pixels) -> Pixels:
    step = -(-max(pixels.shape[1:]) // THUMBNAIL_PX)
    return overlay(pixels[:, ::step, ::step], [], [], zoom=max(1, THUMBNAIL_PX // max(pixels.shape[1:])))


def _window(
    pixels: Pixels, centre: NDArray[np.float64], truth: NDArray[np.object_], orange: NDArray[np.object_]
) -> Pixels:
    """Cut ``WINDOW_PX`` round (x, y), inside the image, and draw the outlines that reach into it."""
    rows, cols = pixels.shape[1:]
    place = np.nan_to_num(centre)
    left, top = (
        int(np.clip(at - WINDOW_PX / 2, 0, max(0, side - WINDOW_PX)))
        for at, side in zip(place, (cols, rows), strict=True)
    )
    near = shapely.box(left, top, left + WINDOW_PX, top + WINDOW_PX)
    cyan, own = (
        list(shapely.transform(group[shapely.intersects(group, near)], lambda xy: xy - [left, top]))
        for group in (truth, orange)
    )
    return overlay(pixels[:, top : top + WINDOW_PX, left : left + WINDOW_PX], cyan, own, zoom=ZOOM)
