"""Which colour of a label image is which class: the file of classes, and label images read by it.

Three forms are read::

    [{"name": "Water", "color": "#6AB6CC", "filter": "[natural] = 'water'"}, ...]    skynet-data
    {"classes": [{"title": "Water", "color": "#E2A929"}, ...]}                        Supervisely
    name,r,g,b                                                                        class_dict.csv

A colour that is no class is unknown, and never the nearest colour: rims that were drawn anti-aliased would else be
lined with other classes.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sn7ml.core.errors import CatalogError, LabelError
from sn7ml.core.safe_files import MIB, open_regular, read_json, read_text
from sn7ml.scenes.map_tiles import FORMATS, UNREADABLE
from sn7ml.scenes.rasters import MOST_FILE_BYTES, MOST_PIXELS

Rgb: TypeAlias = tuple[int, int, int]

UNKNOWN = 255
"""In a class map: no class."""

MOST_CLASSES = 250
MOST_CSV_BYTES = MIB
MOST_STROKE_PX = 1000

COLOUR = re.compile(r"#?([0-9a-fA-F]{6})", re.ASCII)

MODES = ("RGB", "RGBA", "P", "PA", "L", "LA", "1")
"""Of Pillow's modes, those of 8 bits and of light."""

MOST_OF_ONE, MOST_OF_ALL = 0.02, 0.25
"""Shares of the pixels of all label images that colours outside the legend may have: any one of them, and all of them.
An anti-aliased rim has many colours, each of them rare; a class that was forgotten has one."""

NAMED = 12
"""Colours that an error names."""


@dataclass(frozen=True)
class LegendClass:
    """One class."""

    name: str
    colours: tuple[Rgb, ...]

    tag_filter: str = ""
    """Of the tags of OpenStreetMap, in Mapnik's syntax; "" where the file has none."""

    stroke_px: float = 1.0
    """Width of lines, pixels."""

    def joined(self, other: "LegendClass") -> "LegendClass":
        """Return one class of two rows with the same name: it has both colours, and what either filter finds."""
        filters = [f"({it})" for it in (self.tag_filter, other.tag_filter) if it]
        text = " or ".join(filters) if len(filters) > 1 else self.tag_filter or other.tag_filter
        colours = tuple(dict.fromkeys(self.colours + other.colours))
        return LegendClass(self.name, colours, text, max(self.stroke_px, other.stroke_px))


@dataclass(frozen=True)
class Legend:
    """The classes of a file, in its order."""

    classes: tuple[LegendClass, ...]

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [one.name for one in self.classes]

    @cached_property
    def table(self) -> NDArray[np.uint8]:
        """Place of the class of every colour, red × 65,536 + green × 256 + blue; ``UNKNOWN`` where there is none."""
        table = np.full(2**24, UNKNOWN, np.uint8)
        for place, one in enumerate(self.classes):
            for red, green, blue in one.colours:
                table[red << 16 | green << 8 | blue] = place
        return table


@dataclass(frozen=True)
class ClassMap:
    """A label image, read by a legend."""

    classes: NDArray[np.uint8]
    """(rows, cols): place in the legend, or ``UNKNOWN``."""

    colours: Mapping[Rgb, int]
    """Every colour of the image to its number of pixels."""

    foreign: Mapping[Rgb, int]
    """The same of those that are no class."""


def read_legend(path: Path) -> Legend:
    """Read a file of classes. Raises CatalogError that names every class at fault."""
    try:
        rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _json_rows(path)
    except FileNotFoundError:
        raise CatalogError("legend.missing", f"{path}: there is no such file of classes") from None
    except (OSError, ValueError) as error:
        raise CatalogError("legend.unreadable", f"{path}: cannot be read as classes ({error!s:.200})") from None
    faults = []
    classes: dict[str, LegendClass] = {}
    owners: dict[Rgb, str] = {}
    for number, (name, colour, tag_filter, stroke_px) in enumerate(rows, start=1):
        rgb = _rgb(colour)
        if rgb is None or not isinstance(name, str) or not name.strip():
            faults.append(f"class {number}: name {name!r:.40}, colour {colour!r:.40}; expected a name and a colour")
        elif owners.setdefault(rgb, name) != name:
            faults.append(f"class {number}: {name} has the colour {text_of(rgb)} of {owners[rgb]}")
        else:
            one = LegendClass(name, (rgb,), tag_filter, stroke_px)
            classes[name] = classes[name].joined(one) if name in classes else one
    if not 1 <= len(rows) <= MOST_CLASSES:
        faults.append(f"{len(rows)} classes; expected 1 to {MOST_CLASSES}")
    if faults:
        raise CatalogError("legend.classes", "\n  ".join([f"{path}: {len(faults)} fault(s)", *faults]))
    return Legend(tuple(classes.values()))


def _json_rows(path: Path) -> list[tuple[Any, Any, str, float]]:
    content = read_json(path)
    classes = content.get("classes") if isinstance(content, dict) else content
    if not isinstance(classes, list) or not all(isinstance(it, dict) for it in classes):
        raise ValueError('expected a list of {"name", "color"}, or {"classes": [{"title", "color"}]}')
    return [
        (it.get("name", it.get("title")), it.get("color"), _text(it.get("filter")), _stroke(it.get("stroke-width", 1)))
        for it in classes
    ]


def _stroke(value: object) -> float:
    width = float(value) if isinstance(value, str | int | float) else math.nan
    if not 0 <= width <= MOST_STROKE_PX:
        raise ValueError(f"stroke-width {value!r:.40} is no number from 0 to {MOST_STROKE_PX}")
    return width


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"filter {value!r:.60} is no text")
    return value.strip()


def _csv_rows(path: Path) -> list[tuple[Any, Any, str, float]]:
    rows = list(csv.DictReader(io.StringIO(read_text(path, MOST_CSV_BYTES)), skipinitialspace=True))
    if rows and not {"name", "r", "g", "b"} <= rows[0].keys():
        raise ValueError(f"expected the columns name, r, g, b, got {sorted(map(str, rows[0]))}")
    return [(row["name"], (row["r"], row["g"], row["b"]), "", 1.0) for row in rows if any(row.values())]


def _rgb(colour: object) -> Rgb | None:
    if isinstance(colour, str):
        found = COLOUR.fullmatch(colour.strip())
        return None if found is None else _unpacked(int(found[1], 16))
    if isinstance(colour, tuple) and all(isinstance(it, str) and it.strip().isdecimal() for it in colour):
        red, green, blue = (int(it) for it in colour)
        return (red, green, blue) if max(red, green, blue) <= UNKNOWN else None
    return None


def _unpacked(code: int) -> Rgb:
    return code >> 16, code >> 8 & 255, code & 255


def text_of(colour: Rgb) -> str:
    """Return a colour as in files of classes.

    >>> text_of((132, 41, 246))
    '#8429F6'
    """
    return "#{:02X}{:02X}{:02X}".format(*colour)


def read_label_image(path: Path, legend: Legend) -> ClassMap:
    """Read a label image of 8-bit colours: RGB, RGBA, with a palette, or grey. What is transparent is unknown.

    Raises LabelError if it cannot be read, or is of another kind.
    """
    try:
        with open_regular(path, MOST_FILE_BYTES) as file, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise LabelError("labels.too-large", f"{path}: has {image.height} x {image.width} pixels")
            if image.mode not in MODES:
                raise LabelError(
                    "labels.image-kind",
                    f"{path}: is of kind {image.mode}; expected colours of 8 bits, RGB or a palette",
                )
            pixels = np.asarray(image.convert("RGBA"))
    except UNREADABLE as error:
        raise LabelError("labels.image", f"{path}: cannot be read as a label image ({error!s:.120})") from None
    codes = (pixels[..., 0].astype(np.int32) << 16) | (pixels[..., 1].astype(np.int32) << 8) | pixels[..., 2]
    opaque = pixels[..., 3] == UNKNOWN
    classes = np.where(opaque, legend.table[codes], np.uint8(UNKNOWN))
    return ClassMap(classes, _colours(codes[opaque]), _colours(codes[opaque & (classes == UNKNOWN)]))


def _colours(codes: NDArray[np.int32]) -> dict[Rgb, int]:
    found, counts = np.unique(codes, return_counts=True)
    return {_unpacked(int(code)): int(count) for code, count in zip(found, counts, strict=True)}


def refuse_misfit(path: Path, legend: Legend, colours: Mapping[Rgb, int]) -> None:
    """Raise CatalogError if a legend does not fit the colours of all label images together, each with its pixels.

    That is so if a colour without a class has more than ``MOST_OF_ONE`` of them, or all such colours ``MOST_OF_ALL``.
    """
    total = sum(colours.values())
    known = {rgb: one.name for one in legend.classes for rgb in one.colours}
    strange = Counter({rgb: count for rgb, count in colours.items() if rgb not in known})
    if max(strange.values(), default=0) <= MOST_OF_ONE * total and strange.total() <= MOST_OF_ALL * total:
        return
    common = Counter(colours).most_common(NAMED)
    lines = [f"{text_of(rgb)}  {n / total:7.2%}  {known.get(rgb, 'no class')}" for rgb, n in common]
    idle = [one.name for one in legend.classes if not any(rgb in colours for rgb in one.colours)]
    without = f"; without a pixel are {', '.join(idle)}" if idle else ""
    raise CatalogError(
        "legend.misfit",
        "\n  ".join(
            [
                f"{path}: {strange.total() / total:.1%} of the pixels of the label images have a colour that is no "
                f"class{without}. Colours found:",
                *lines,
                f"{len(colours)} colours in all. Give these colours to the classes, or write a file to edit with "
                "`sn7ml validate --suggest-classes FILE`",
            ]
        ),
    )


def suggested(colours: Mapping[Rgb, int], least: float = 0.001) -> list[dict[str, str]]:
    """Return a file of classes, as skynet-data's, for the colours with at least this share, the commonest first.

    >>> suggested({(255, 0, 0): 9, (0, 0, 255): 990, (1, 1, 1): 1}, least=0.005)
    [{'name': 'class-1', 'color': '#0000FF'}, {'name': 'class-2', 'color': '#FF0000'}]
    """
    total = sum(colours.values())
    common = [rgb for rgb, count in Counter(colours).most_common(MOST_CLASSES) if count >= least * total]
    return [{"name": f"class-{number}", "color": text_of(rgb)} for number, rgb in enumerate(common, start=1)]
