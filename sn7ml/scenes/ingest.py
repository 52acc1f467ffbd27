"""Raw files become two Parquet tables: frames and labels. Later stages read these, and open images only.

::

    scenes/
      frames.parquet       FRAMES
      labels.parquet       LABELS, geometries as WKB, a row group per AOI
      around.parquet       the same of outlines off the images and near them, only of layouts that know any
      images/              only where images of the data folder had to be converted: see ``conversion``
      classes/             only where labels are classes of pixels: <AOI>/<time>.tif, a byte a pixel, 255 unknown
      classes.json         names of these classes, in the order of their bytes
      label-stats.csv      LABEL_STATS: how many pixels and images each of them has
"""

import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import shapely
from affine import Affine
from numpy.typing import NDArray

from sn7ml.core.errors import GridError, ItemsFailed, LabelError, Sn7Error, TableError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.runtime.files import read_output, replacing, write_text
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.schemas import FRAMES, LABELS, TRANSFORM
from sn7ml.params import SplitParams, StretchParams
from sn7ml.scenes.conversion import IMAGES, convert, digest_of_file
from sn7ml.scenes.images import read_grid, shared_grid
from sn7ml.scenes.labels import buildings_of
from sn7ml.scenes.layouts.layout import ClassMaps, Layout, Source
from sn7ml.scenes.legend import UNKNOWN, Rgb
from sn7ml.scenes.rasters import open_geotiff, write_bands

FRAMES_FILE, LABELS_FILE, AROUND_FILE = "frames.parquet", "labels.parquet", "around.parquet"
CLASSES, CLASSES_FILE, STATS_FILE = "classes", "classes.json", "label-stats.csv"

LABEL_STATS = ("label", "name", "frequency", "image_count")
"""Place and name of a class, its pixels in all labelled images, and the images that have any: as skynet-data's."""

BY_PART = StretchParams()

STORED = pyarrow.schema({name: "binary" if kind == "geometry" else "string" for name, kind in LABELS.columns.items()})
"""``LABELS`` as they lie on disk."""


@dataclass(frozen=True)
class Scenes:
    """The frames and labels of a data folder, as :func:`ingest` wrote them."""

    folder: Path

    def images_in(self, root: Path) -> Path:
        """Return the folder that images of ``FRAMES`` lie in: the data folder ``root``, or this one if it has them."""
        return self.folder if (self.folder / IMAGES).is_dir() else root

    @cached_property
    def frames(self) -> pd.DataFrame:
        """``FRAMES``, in order of AOI and time."""
        path = self.folder / FRAMES_FILE
        try:
            return FRAMES.check(pd.read_parquet(path))
        except (OSError, ValueError, pyarrow.ArrowException, TableError) as error:
            raise _damaged(path, error) from None

    def frames_of(self, aois: Collection[str]) -> pd.DataFrame:
        """Return the ``FRAMES`` of some AOIs."""
        return self.frames[self.frames["aoi"].isin(aois)]

    def grids_of(self, aois: Iterable[str]) -> dict[str, Grid]:
        """Return AOI to the grid that all its frames share."""
        first = {row["aoi"]: row for row in self.frames.drop_duplicates("aoi").to_dict("records")}
        rows = {aoi: first[aoi] for aoi in aois}
        return {
            aoi: Grid(row["epsg"], Affine(*(row[name] for name in TRANSFORM)), (row["rows"], row["cols"]))
            for aoi, row in rows.items()
        }

    def labels_of(self, aois: Collection[str]) -> pd.DataFrame:
        """Read the ``LABELS`` of some AOIs, in the order of their frames; the others stay on disk."""
        return _read_labels(self.folder / LABELS_FILE, aois)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of class maps, in their order; none where labels are outlines."""
        path = self.folder / CLASSES_FILE
        return tuple(read_output(path)["names"]) if path.exists() else ()

    def class_map_of(self, aoi: str, time: str) -> NDArray[np.uint8] | None:
        """Read the class map of a labelled frame: (rows, cols), places in ``class_names`` and 255 for unknown.

        None where labels are outlines.
        """
        if not self.class_names:
            return None
        with open_geotiff(self.folder / CLASSES / aoi / f"{time}.tif") as source:
            return np.asarray(source.read(1))

    def outlines_of(self, aois: Collection[str]) -> pd.DataFrame:
        """Read the ``LABELS`` of some AOIs, and then those off their images and near them, as far as there are any."""
        labels, path = self.labels_of(aois), self.folder / AROUND_FILE
        return pd.concat([labels, _read_labels(path, aois)], ignore_index=True) if path.exists() else labels


def _read_labels(path: Path, aois: Collection[str]) -> pd.DataFrame:
    try:
        some = [("aoi", "in", sorted(aois))]
        table = pyarrow.parquet.read_table(path, filters=some) if aois else STORED.empty_table()
        found = table.to_pandas().astype(dict.fromkeys(("aoi", "time", "id"), "str"))
        geometry = shapely.from_wkb(found["geometry"].to_numpy(dtype=object))
        return LABELS.check(found.assign(geometry=pd.Series(geometry, dtype="object", index=found.index)))
    except (OSError, ValueError, KeyError, pyarrow.ArrowException, shapely.GEOSException, TableError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> TableError:
    return TableError("scenes.cannot-read", f"{path}: cannot be read ({error!s:.200}); run `dvc repro ingest`")


def ingest(
    root: Path,
    sources: pd.DataFrame,
    layout: Layout,
    split: SplitParams,
    out: Path,
    stretch: StretchParams = BY_PART,
) -> Scenes:
    """Read the grids and labels of all frames, in parallel, and write the two tables into folder ``out``.

    ``sources`` is what ``layout.sources`` found in folder ``root``, or some of its rows; ``split`` says how far AOIs
    must lie apart to be strangers. The same files give the same bytes.

    Raises ItemsFailed naming every frame whose image or labels cannot be read, and every one that is on another grid
    than the first of its AOI.
    """
    rows = {f"{row['aoi']} {row['time']}": row for row in sources.to_dict("records")}
    shutil.rmtree(out / CLASSES, ignore_errors=True)
    for name in (CLASSES_FILE, STATS_FILE):
        (out / name).unlink(missing_ok=True)
    found = map_items(partial(_read, root, layout, out), rows)
    faults: dict[str, Exception] = {name: it for name, it in found.items() if isinstance(it, Sn7Error)}
    read = {name: it for name, it in found.items() if not isinstance(it, Sn7Error)}
    first: dict[str, _Read] = {}
    for name, it in read.items():
        reference = first.setdefault(it.row["aoi"], it)
        try:
            shared_grid({root / each.row["image"]: each.grid for each in (reference, it)})
        except GridError as fault:
            faults[name] = fault
    if faults:
        raise ItemsFailed(faults, len(rows))
    if layout.class_maps:
        layout.class_maps.refuse(root, sum((it.colours for it in read.values()), Counter[Rgb]()))
        names = list(layout.class_maps.names(root))
        _write_classes(out, names, [it.class_pixels[: len(names)] for it in read.values() if it.row["labelled"]])
    table = pd.DataFrame([it.row for it in read.values()], columns=[name for name in FRAMES.columns if name != "group"])
    # An AOI without labels is on no side of a split: it must not tie two others together.
    labelled = table["aoi"].isin(table.loc[table["labelled"], "aoi"])
    groups = {**layout.groups(table[labelled], split), **layout.groups(table[~labelled], split)}
    frames = FRAMES.check(table.assign(group=table["aoi"].map(groups).astype("str")))
    if layout.open_image:
        frames = convert(root, frames, layout.open_image, (split, stretch), out)
    with replacing(out / FRAMES_FILE) as temporary:
        frames.to_parquet(temporary, index=False)
    of_aoi = {aoi: [it for it in read.values() if it.row["aoi"] == aoi] for aoi in frames["aoi"].unique()}
    _write_labels(out / LABELS_FILE, [[it.labels for it in found] for found in of_aoi.values()])
    if layout.read_around:
        _write_labels(out / AROUND_FILE, [[it.around for it in found] for found in of_aoi.values()])
    else:
        (out / AROUND_FILE).unlink(missing_ok=True)
    return Scenes(out)


def _write_labels(path: Path, by_aoi: Iterable[list[pyarrow.Table]]) -> None:
    with replacing(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, STORED) as writer:
        for tables in by_aoi:
            writer.write_table(pyarrow.concat_tables(tables), row_group_size=max(sum(map(len, tables)), 1))


@dataclass(frozen=True)
class _Read:
    """What one frame's files say: a row of ``FRAMES`` without its group; labels, and those around, as ``STORED``."""

    row: dict[str, Any]
    grid: Grid
    labels: pyarrow.Table
    around: pyarrow.Table

    colours: Counter[Rgb]
    """Of a label image: colour to its pixels."""

    class_pixels: NDArray[np.int64]
    """Pixels of each byte of a class map; none where labels are outlines."""


def _read(root: Path, layout: Layout, out: Path, source: Source) -> _Read | Sn7Error:
    """Read one frame; an error of its files is returned, so that all are raised at once."""
    try:
        grid = layout.open_image(root, source).grid if layout.open_image else read_grid(root / source["image"])
        labels = _stored(source, buildings_of(layout.read_labels(root, source), grid) if source["labels"] else None)
        read_around = layout.read_around if source["labels"] else None
        around = _stored(source, buildings_of(read_around(root, source), grid) if read_around else None)
        labelled = bool(source["labels"])
        colours, pixels = Counter[Rgb](), np.zeros(0, np.int64)
        if layout.class_maps and labelled:
            colours, pixels = _store_class_map(root, layout.class_maps, source, grid, out)
            known = 1 - pixels[UNKNOWN] / pixels.sum()
            labelled = bool(known > 0 and known >= layout.class_maps.least)
    except Sn7Error as fault:
        return fault
    row = {name: source[name] for name in ("aoi", "time", "part", "image", "mask", "labels")}
    row |= {"labelled": labelled, "epsg": grid.epsg, "rows": grid.shape[0], "cols": grid.shape[1]}
    row |= dict(zip(TRANSFORM, tuple(grid.transform)[:6], strict=True))
    digest = "" if layout.open_image else digest_of_file(root / source["image"])
    return _Read(row | {"digest": digest}, grid, labels, around, colours, pixels)


def _write_classes(out: Path, names: Sequence[str], pixels: Sequence[NDArray[np.int64]]) -> None:
    """Write the names of all classes, and their pixels in each labelled image."""
    write_text(out / CLASSES_FILE, json.dumps({"names": names}, indent=1, ensure_ascii=False) + "\n")
    counts = np.array(pixels, np.int64).reshape(len(pixels), len(names))
    columns = (range(len(names)), names, counts.sum(axis=0), (counts > 0).sum(axis=0))
    stats = pd.DataFrame(dict(zip(LABEL_STATS, columns, strict=True)))
    write_text(out / STATS_FILE, stats.to_csv(index=False, lineterminator="\n"))


def _store_class_map(
    root: Path, maps: ClassMaps, source: Source, grid: Grid, out: Path
) -> tuple[Counter[Rgb], NDArray[np.int64]]:
    """Write the class map of a labelled row; return the colours of its label image, and the pixels of each class."""
    found = maps.read(root, source)
    if found.classes.shape != grid.shape:
        (rows, cols), (wanted_rows, wanted_cols) = found.classes.shape, grid.shape
        raise LabelError(
            "labels.shape",
            f"{root / source['labels']}: has {rows} x {cols} pixels; its image {source['image']} has {wanted_rows} x "
            f"{wanted_cols}",
        )
    write_bands(out / CLASSES / source["aoi"] / f"{source['time']}.tif", [found.classes], [CLASSES], grid)
    return Counter(found.colours), np.bincount(found.classes.ravel(), minlength=UNKNOWN + 1)


def _stored(source: Source, buildings: pd.DataFrame | None) -> pyarrow.Table:
    """Return the buildings of one frame as ``STORED``; None are none."""
    found = LABELS.empty() if buildings is None else buildings
    columns = {
        "aoi": [source["aoi"]] * len(found),
        "time": [source["time"]] * len(found),
        "id": found["id"].tolist(),
        "geometry": shapely.to_wkb(found["geometry"].to_numpy(dtype=object)).tolist(),
    }
    return pyarrow.table(columns, STORED)
