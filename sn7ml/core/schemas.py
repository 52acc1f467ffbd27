"""Columns, types and keys of the tables that pass between stages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pandas as pd
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype, is_object_dtype, is_string_dtype

from sn7ml.core.errors import TableError

KINDS: Mapping[str, tuple[str, Callable[[pd.Series], bool]]] = {
    "text": ("str", lambda column: is_string_dtype(column) or is_object_dtype(column)),
    "int": ("int64", is_integer_dtype),
    "float": ("float64", is_float_dtype),
    "bool": ("bool", is_bool_dtype),
    "geometry": ("object", lambda _: True),
}
"""The types a column can have, as this project names them: pandas' name, and whether a column can be read as one."""


@dataclass(frozen=True)
class Table:
    """Columns, types and key of a table."""

    name: str
    columns: Mapping[str, str]
    """Column to kind: a key of ``KINDS``. Text columns may hold missing values."""
    key: tuple[str, ...]
    """Columns that together name a row."""

    def empty(self) -> pd.DataFrame:
        """Return the table with no rows and the right types."""
        return pd.DataFrame({name: pd.Series(dtype=KINDS[kind][0]) for name, kind in self.columns.items()})

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return ``frame`` cut to the table's columns, in order.

        Raises TableError if a column is missing, of another kind, or the key does not name one row each.
        """
        missing = [name for name in self.columns if name not in frame.columns]
        if missing:
            found = list(frame.columns)
            raise TableError("table.missing-column", f"table {self.name!r} lacks column(s) {missing}; it has {found}")
        frame = frame[list(self.columns)]
        for name, kind in self.columns.items():
            if len(frame) and not KINDS[kind][1](frame[name]):
                wrong = f"column {name!r} must be {kind}, got {frame[name].dtype}"
                raise TableError("table.column-type", f"table {self.name!r}: {wrong}")
        twice = frame[frame.duplicated(list(self.key), keep=False)]
        if len(twice):
            example = dict(zip(self.key, twice[list(self.key)].iloc[0], strict=True))
            raise TableError(
                "table.duplicate-key",
                f"table {self.name!r}: {len(twice)} rows share a key {self.key}, for instance {example}",
            )
        return frame


UNDATED = "undated"
"""The time of an image without a date: stands where others have a month, in tables and in names of files."""

SOURCES = Table(
    "sources", dict.fromkeys(("aoi", "time", "part", "image", "labels", "labels_kind", "mask"), "text"), ("aoi", "time")
)
"""The files of one frame each, as a layout finds them by their names. Paths are relative to the data root, POSIX.
``part`` is the folder of the layout that the AOI lies in, "" if it has none; ``labels_kind`` says how the layout reads
the labels, "" if there are none (then ``labels`` is ""); ``mask`` shows where the image is unusable, "" for no mask."""

TRANSFORM = tuple(f"transform_{letter}" for letter in "abcdef")
"""Columns of ``FRAMES``: from pixel corner ``(col, row)`` to CRS ``(x, y)``, named as in ``affine.Affine``."""

FRAMES = Table(
    "frames",
    {
        **dict.fromkeys(("aoi", "time", "group", "part", "image", "mask", "labels"), "text"),
        "labelled": "bool", "epsg": "int", **dict.fromkeys(TRANSFORM, "float"),
        "rows": "int", "cols": "int", "digest": "text",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""One image each, read once by the stage ingest. AOIs of one ``group`` stay on one side of a split. ``image`` and
``mask`` are opened again for their pixels; ``labels`` only lets reports name the file, since what it says is in
``LABELS``. A frame that is ``labelled`` may have no row there: then it shows no building. ``digest`` names the bytes of
the image (16 hexadecimal digits)."""

POLYGONS = Table(
    "polygons", {"aoi": "text", "time": "text", "id": "text", "geometry": "geometry"}, ("aoi", "time", "id")
)
"""Buildings, true or found: shapely geometries in 1x pixel coordinates (x = column, y = row)."""

LABELS = replace(POLYGONS, name="labels")
"""The true buildings of the labelled ``FRAMES``, in their order, as the stage ingest has read them."""

REGIONS = Table(
    "regions",
    {"aoi": "text", "split": "text", "fold": "int", "col_start": "int", "col_stop": "int"},
    key=("aoi", "split", "fold"),
)
"""Which columns of an AOI (``col_start`` inclusive, ``col_stop`` exclusive) belong to "train", "validation" or "test".
``fold`` is the number, from 1, of the network that is validated there and does not learn there; 0 in "train", where all
learn, and in "test"."""

TILES = Table(
    "tiles",
    {
        "aoi": "text", "time": "text", "row": "int", "col": "int", "split": "text", "fold": "int",
        "usable_fraction": "float", "footprint_fraction": "float", "labelled": "bool",
    },
    key=("aoi", "time", "row", "col"),
)  # fmt: skip
"""Windows of side ``tiling.size_px`` whose north-west pixel is (row, col)."""

FOUND = Table(
    "found",
    {"aoi": "text", "time": "text", "id": "text", "confidence": "float", "geometry": "geometry"},
    key=("aoi", "time", "id"),
)
"""Buildings found in single images; ``confidence`` is the mean of the first channel's probability inside."""

TRACKS = Table(
    "tracks",
    {
        **dict.fromkeys(("aoi", "time", "id", "birth_month"), "text"),
        "birth_probability": "float", "confidence": "float", "geometry": "geometry",
    },
    key=("aoi", "time", "id"),
)  # fmt: skip
"""Found buildings with their history. ``birth_month`` is the first month of the AOI for what stood there from the
start; ``birth_probability`` is that of this very month, NaN from a tracker that has no model of it; ``confidence`` is
the mean footprint probability from then on."""
