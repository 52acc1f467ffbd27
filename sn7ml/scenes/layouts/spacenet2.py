"""The SpaceNet 2 layout: single scenes of a city. Its file names are known nowhere else.

::

    <city>/RGB-PanSharpen/   or PS-RGB/                  RGB-PanSharpen_<scene>.tif
    <city>/geojson/buildings/                            buildings_<scene>.geojson
    <city>/summaryData/                                  *.csv: ImageId is <scene>

GeoJSON is preferred to CSV; both say the same, since every part of a MultiPolygon is a building of its own. A scene
that one of them names without a building shows none; a scene that neither names is not labelled.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from shapely.geometry import MultiPolygon

from sn7ml.core.errors import CatalogError, LabelError
from sn7ml.core.schemas import SOURCES, UNDATED
from sn7ml.scenes.csv_rows import read_rows
from sn7ml.scenes.labels import RawLabels, read_geojson
from sn7ml.scenes.layouts.ground_groups import group_by_ground
from sn7ml.scenes.layouts.label_crs import DEGREES, into_crs
from sn7ml.scenes.layouts.layout import Layout, NameFacts, Source, plain_name_facts
from sn7ml.scenes.raw_images import open_geotiff_image, raw_geotiff
from sn7ml.scenes.wkt import read_wkt, why_no_wkt

IMAGE_FOLDERS = ("RGB-PanSharpen", "PS-RGB")
"""In order of preference; a file's name begins with its folder's."""

IMAGE_ENDINGS = (".tif", ".TIF", ".tiff")
LABEL_FOLDER, LABEL_START, LABEL_ENDING = "geojson/buildings", "buildings_", ".geojson"
CSV_FOLDER = "summaryData"
CSV_COLUMNS = IMAGE, BUILDING, PIXELS, GROUND = ("ImageId", "BuildingId", "PolygonWKT_Pix", "PolygonWKT_Geo")
GEOJSON, CSV = "geojson", "csv"


def scan(root: Path) -> pd.DataFrame:
    """Find the scenes of one city's folder, or of all cities below ``root``.

    Returns
    -------
    pd.DataFrame
        ``SOURCES`` in order of scene; ``part`` is the city's folder, "" for ``root`` itself.

    Raises CatalogError if there is no image, or naming every scene that occurs twice and every file whose name breaks
    the pattern.
    """
    cities = [root] if _image_folder(root) else sorted(path for path in root.glob("*") if _image_folder(path))
    if not cities:
        raise CatalogError(
            "data.no-images",
            f"{root}: no folder {' or '.join(IMAGE_FOLDERS)} with GeoTIFFs, in it or in a folder of a city below it",
        )
    rows, faults = [], []
    for city in cities:
        listed = scenes_of_tables(city)
        for path in _images(city):
            start = f"{path.parent.name}_"
            if not path.name.startswith(start):
                faults.append(f"{path.relative_to(root)}: expected a name such as {start}AOI_2_Vegas_img1.tif")
                continue
            rows.append(_row(root, city, path, path.stem.removeprefix(start), listed))
    names = [row["aoi"] for row in rows]
    faults += [f"scene {name} occurs more than once" for name in sorted({it for it in names if names.count(it) > 1})]
    if faults:
        raise CatalogError("data.bad-files", "\n  ".join([f"{root}: {len(faults)} fault(s)", *faults]))
    return SOURCES.check(pd.DataFrame(rows).sort_values("aoi", ignore_index=True))


def _row(root: Path, city: Path, image: Path, scene: str, listed: dict[str, Path]) -> dict[str, str]:
    geojson = city / LABEL_FOLDER / f"{LABEL_START}{scene}{LABEL_ENDING}"
    labels, kind = (geojson, GEOJSON) if geojson.is_file() else (listed.get(scene), CSV)
    return {
        "aoi": scene,
        "time": UNDATED,
        "part": "" if city == root else city.name,
        "image": image.relative_to(root).as_posix(),
        "labels": labels.relative_to(root).as_posix() if labels else "",
        "labels_kind": kind if labels else "",
        "mask": "",
    }


def scene_of(stem: str) -> str:
    """Return the scene, as ``ImageId`` has it, that the name of any image tells: the name itself if no other."""
    return next((stem.removeprefix(f"{name}_") for name in IMAGE_FOLDERS if stem.startswith(f"{name}_")), stem)


def is_city(folder: Path) -> bool:
    """Return True for the folder of a city in this layout."""
    return _image_folder(folder) is not None


def _image_folder(city: Path) -> Path | None:
    return next((city / name for name in IMAGE_FOLDERS if (city / name).is_dir()), None)


def _images(city: Path) -> list[Path]:
    folder = _image_folder(city)
    found = folder.iterdir() if folder else []
    return sorted(it for it in found if it.suffix in IMAGE_ENDINGS and not it.name.startswith("."))


def scenes_of_tables(city: Path) -> dict[str, Path]:
    """Return scene to the CSV that lists its buildings, or says that it has none."""
    return {
        scene: path
        for path in sorted((city / CSV_FOLDER).glob("*.csv"), reverse=True)
        for scene in _table(path, path.stat().st_mtime_ns)
    }


@lru_cache(maxsize=8)
def _table(path: Path, _changed: int) -> dict[str, pd.DataFrame]:
    """Return scene to its rows of a CSV: the id and the outline, as text. Raises LabelError."""
    rows = read_rows(path, CSV_COLUMNS)
    if rows.broken:
        first = next(iter(rows.broken.values()))
        raise LabelError("labels.bad-files", f"{path}: {len(rows.broken)} broken line(s); {first}")
    table = pd.DataFrame(rows.columns, dtype="str")
    return {str(scene): part for scene, part in table.groupby(IMAGE, sort=False)}


def read_labels(root: Path, source: Source) -> RawLabels:
    """Read the buildings of one scene, in the CRS of its image."""
    path, epsg = root / source["labels"], raw_geotiff(root / source["image"]).grid.epsg
    if source["labels_kind"] == GEOJSON:
        return into_crs(_parted(read_geojson(path, in_pixels=False, id_name=None)), epsg)
    rows = _table(path, path.stat().st_mtime_ns)[source["aoi"]]
    ids, geometries = rows[BUILDING].to_numpy(dtype=object, copy=True), read_wkt(rows[GROUND].tolist())
    faults = {
        number: ValueError(why_no_wkt(text))
        for number, (text, geometry) in enumerate(zip(rows[GROUND], geometries, strict=True))
        if geometry is None
    }
    ids[list(faults)] = None
    return into_crs(RawLabels(path, ids, geometries, faults, in_pixels=False, crs=DEGREES), epsg)


def _parted(raw: RawLabels) -> RawLabels:
    """Return labels with a row for each polygon, numbered anew."""
    rows = [
        (number, part)
        for number, geometry in enumerate(raw.geometries)
        for part in (geometry.geoms if isinstance(geometry, MultiPolygon) and not geometry.is_empty else [geometry])
    ]
    faults = {place: raw.faults[number] for place, (number, _) in enumerate(rows) if number in raw.faults}
    ids, geometries = np.empty((2, len(rows)), dtype=object)
    ids[:] = [None if place in faults else place for place in range(len(rows))]
    geometries[:] = [part for _, part in rows]
    return replace(raw, ids=ids, geometries=geometries, faults=faults)


def name_facts(root: Path, sources: pd.DataFrame) -> list[NameFacts]:
    """Return what names say of every scene, and of label files without an image."""
    known = set(sources["aoi"])
    strays = [
        {"aoi": scene, "time": UNDATED, "file": path.relative_to(root).as_posix(), "fault": "", "has_image": False,
         "has_labels": True}
        for path in sorted(root.glob(f"**/{LABEL_FOLDER}/{LABEL_START}*{LABEL_ENDING}"))
        if (scene := path.name.removeprefix(LABEL_START).removesuffix(LABEL_ENDING)) not in known
    ]  # fmt: skip
    return [*plain_name_facts(root, sources), *strays]


SPACENET2 = Layout("spacenet2", scan, read_labels, group_by_ground, open_geotiff_image, name_facts)
