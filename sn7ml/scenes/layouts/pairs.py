"""The plainest layout: images with a GeoJSON of the same name beside them, in one folder or in folders below it.

::

    harbour.tif   harbour.geojson    outlines in any CRS; no feature: no building; no file: not labelled

A GeoJSON that declares no CRS is in degrees if it can be, else in the CRS of the image.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sn7ml.core.errors import CatalogError
from sn7ml.core.safe_files import plain_name
from sn7ml.core.schemas import SOURCES, UNDATED
from sn7ml.scenes.labels import RawLabels, read_geojson
from sn7ml.scenes.layouts.ground_groups import group_by_ground
from sn7ml.scenes.layouts.label_crs import into_crs
from sn7ml.scenes.layouts.layout import Layout, NameFacts, Source, plain_name_facts
from sn7ml.scenes.raw_images import open_geotiff_image, raw_geotiff

IMAGE_ENDINGS = (".tif", ".tiff")
LABEL_ENDING = ".geojson"


def scan(root: Path) -> pd.DataFrame:
    """Find the images below ``root``.

    Returns
    -------
    pd.DataFrame
        ``SOURCES``: an AOI is called like its file without ending; ``part`` is its folder, "" for ``root``.

    Raises CatalogError if there is no image, or naming every name that occurs twice or cannot be the name of a folder.
    """
    images = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in IMAGE_ENDINGS and path.is_file()]
    images = [path for path in images if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    if not images:
        raise CatalogError("data.no-images", f"{root}: no GeoTIFFs ({', '.join(IMAGE_ENDINGS)}) in it or below it")
    return table_of(root, images)


def table_of(root: Path, images: Sequence[Path]) -> pd.DataFrame:
    """Return ``SOURCES`` of images below ``root``. Raises CatalogError as :func:`scan`."""
    rows, faults, seen = [], [], dict[str, Path]()
    for path in images:
        try:
            name = plain_name(path.stem)
        except ValueError as error:
            faults.append(f"{path.relative_to(root)}: {error}")
            continue
        if (earlier := seen.setdefault(name, path)) is not path:
            faults.append(f"{path.relative_to(root)}: is called like {earlier.relative_to(root)}")
        labels = path.with_suffix(LABEL_ENDING)
        labelled = labels.is_file()
        part = path.parent.relative_to(root).as_posix()
        rows.append(
            {
                "aoi": name,
                "time": UNDATED,
                "part": "" if part == "." else part,
                "image": path.relative_to(root).as_posix(),
                "labels": labels.relative_to(root).as_posix() if labelled else "",
                "labels_kind": "geojson" if labelled else "",
                "mask": "",
            }
        )
    if faults:
        raise CatalogError("data.bad-files", "\n  ".join([f"{root}: {len(faults)} fault(s)", *faults]))
    return SOURCES.check(pd.DataFrame(rows).sort_values("aoi", ignore_index=True))


def read_labels(root: Path, source: Source) -> RawLabels:
    """Read the outlines of one image, in its CRS; a building's id is its place in the file."""
    raw = read_geojson(root / source["labels"], in_pixels=False, id_name=None)
    return into_crs(raw, raw_geotiff(root / source["image"]).grid.epsg)


def name_facts(root: Path, sources: pd.DataFrame) -> list[NameFacts]:
    """Return what names say of every image, and of label files without one."""
    known = set(sources["labels"])
    strays = sorted(path.relative_to(root) for path in root.rglob(f"*{LABEL_ENDING}"))
    return [
        *plain_name_facts(root, sources),
        *(
            {"aoi": path.stem, "time": UNDATED, "file": path.as_posix(), "has_image": False, "has_labels": True}
            for path in strays
            if path.as_posix() not in known and not any(part.startswith(".") for part in path.parts)
        ),
    ]


PAIRS = Layout("pairs", scan, read_labels, group_by_ground, open_geotiff_image, name_facts)
