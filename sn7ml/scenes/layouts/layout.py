"""What differs between ways of laying out a data folder. Everything else works on the tables that a layout gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from affine import Affine

from sn7ml.params import SplitParams
from sn7ml.scenes.labels import RawLabels
from sn7ml.scenes.legend import ClassMap, Rgb
from sn7ml.scenes.raw_images import OpenImage

Source: TypeAlias = Mapping[Any, Any]
"""A row of ``SOURCES``."""

NameFacts: TypeAlias = dict[str, Any]
"""What names alone say of a file: some columns of ``FRAME_FACTS``, among them aoi, time and file."""


def plain_name_facts(_root: Path, sources: pd.DataFrame) -> list[NameFacts]:
    """Return what is known of every frame of a layout without traps of its own."""
    columns = zip(sources["aoi"], sources["time"], sources["image"], sources["labels"], strict=True)
    return [
        {"aoi": aoi, "time": time, "file": image, "has_image": True, "has_labels": labels != ""}
        for aoi, time, image, labels in columns
    ]


def no_place(_aoi: str) -> Affine | None:
    """Return None: AOIs are called anything."""
    return None


@dataclass(frozen=True)
class ClassMaps:
    """How labels that give each pixel a class are read. The functions can be pickled."""

    names: Callable[[Path], Sequence[str]]
    """Return the names of the classes of a data folder, in the order of class maps. Raises CatalogError."""

    read: Callable[[Path, Source], ClassMap]
    """Read the class map of a labelled row, given the data folder. Raises LabelError."""

    least: float
    """An image with a smaller share of pixels that have a class counts as one without labels."""

    refuse: Callable[[Path, Mapping[Rgb, int]], None]
    """Raise CatalogError if the colours of all class maps together, each with its pixels, do not fit the classes."""


@dataclass(frozen=True)
class Layout:
    """A way of laying out a data folder: how its files are named, and what they hold. Its functions can be pickled."""

    name: str
    """As in ``data.layout`` of params.yaml."""

    sources: Callable[[Path], pd.DataFrame]
    """Find the frames below a data folder by the names of their files: ``SOURCES``, in order of AOI and time.

    Raises CatalogError, naming every file and folder at fault.
    """

    read_labels: Callable[[Path, Source], RawLabels]
    """Read the labels of a labelled row, given the data folder. Raises LabelError if the file is damaged as a whole."""

    groups: Callable[[pd.DataFrame, SplitParams], Mapping[str, str]]
    """Group AOIs that must stay on one side of a split: AOI to its group, for ``FRAMES`` that lack only that column.

    A group is called like the first of its AOIs. Random splits leak in any layout: neighbours share streets and light.
    """

    open_image: OpenImage | None = None
    """Looks at an image that is no GeoTIFF of red, green, blue and alpha in bytes; None where all are."""

    name_facts: Callable[[Path, pd.DataFrame], Sequence[NameFacts]] = plain_name_facts
    """Return what names say of every row of ``SOURCES``, and of files that belong to no row: for validation."""

    read_around: Callable[[Path, Source], RawLabels] | None = None
    """Read the outlines that lie off a labelled row's image and near it; None where no file has any. Distances to an
    outline do not end at the edge of an image."""

    class_maps: ClassMaps | None = None
    """Of layouts whose labels are classes of pixels; None where they are outlines."""

    place: Callable[[str], Affine | None] = no_place
    """Return pixel corner ``(col, row)`` to EPSG:3857 of the ground that an AOI's name states; None if it does not."""
