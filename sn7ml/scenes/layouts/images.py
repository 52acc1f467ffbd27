"""What a prediction can be asked of: a SpaceNet 7 folder, a folder of one AOI's frames, single images, map tiles.

Each becomes the table of sources that every layout gives, so that nothing below knows the difference.
"""

import os
import re
from collections import defaultdict
from pathlib import Path

import pandas as pd

from sn7ml.core.errors import CatalogError
from sn7ml.core.schemas import SOURCES
from sn7ml.scenes.layouts import pairs
from sn7ml.scenes.layouts.colour import colour, image_folders, picture_table, pictures_below
from sn7ml.scenes.layouts.colour import scan as scan_colour
from sn7ml.scenes.layouts.layout import Layout
from sn7ml.scenes.layouts.pairs import PAIRS
from sn7ml.scenes.layouts.spacenet2 import SPACENET2, is_city, scene_of
from sn7ml.scenes.layouts.spacenet7 import example_folders, folders_below, frame_of, scan
from sn7ml.scenes.layouts.spacenet7 import image_folders as month_folders
from sn7ml.scenes.layouts.xyz import has_tiles, xyz

ENDINGS = (".tif", ".tiff")

MONTH_PATTERN = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<between>[_-]?)(?P<month>0[1-9]|1[0-2])"
    r"(?:(?P=between)(?:0[1-9]|[12]\d|3[01]))?(?!\d)",
    re.ASCII,
)
"""2018_01, 2018-01 or 201801; a day may follow, written in the same way."""

MONTH = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])", re.ASCII)


def require_there(path: Path) -> None:
    """Raise CatalogError if there is neither a file nor a folder."""
    if not (path.is_file() or path.is_dir()):
        raise CatalogError("data.no-folder", f"no file or folder {path}; expected a folder of images, or a GeoTIFF")


def find_frames(path: Path, month: str | None = None) -> tuple[Path, pd.DataFrame]:
    """Find the frames that ``path`` stands for.

    * A folder that :func:`~sn7ml.scenes.layouts.spacenet7.scan` takes: what that finds.
    * A folder of GeoTIFFs (folders below it do not count), or the folder of one AOI with images_masked/ or images/:
      each file's name tells its month; a name as in SpaceNet 7 tells its AOI, else the folder's name does.
    * A GeoTIFF: its month is ``month`` (``2018-01``), or what its name tells; its AOI is what else the name tells.

    Returns a folder, and ``SOURCES`` relative to it in order of AOI and date; at least one row.

    Raises CatalogError if there is no such file or folder, or no frame in it; or naming every file whose name does not
    tell its month, and every pair that tells the same one.
    """
    path = Path(os.path.realpath(path))  # not Path.resolve: it raises RuntimeError for links in a circle
    if path.is_file():
        return path.parent, _single(path, month)
    if month is not None:
        raise CatalogError(
            "options.month", f"a month ({month}) is for a single GeoTIFF, but {path} is none; leave --month out"
        )
    require_there(path)
    for folder in month_folders(path):
        if images := _geotiffs(folder):
            return folder, _flat(images, path.name)
    if folders_below(path):
        return path, scan(path)
    if images := _geotiffs(path):
        return path, _flat(images, path.name)
    raise CatalogError(
        "data.no-images",
        f"{path}: no images; expected GeoTIFFs of one AOI in it, or SpaceNet 7's layout: {example_folders()}, "
        "or such folders themselves",
    )


def find_scenes(path: Path, zoom: int | None = None) -> tuple[Path, pd.DataFrame, Layout]:
    """Find the single images that ``path`` stands for.

    * A GeoTIFF, or a folder of them, also in folders below: an AOI each, called like its file, as in layout ``pairs``;
      of SpaceNet 2's names the scene.
    * The folder of a city, or of cities, in layout ``spacenet2``.
    * A folder of map tiles, or of such folders, as in layout ``xyz``; of several zooms ``zoom`` chooses.

    Returns a folder, ``SOURCES`` relative to it, and the layout that opens the images.

    Raises CatalogError if there is no such file or folder, or no image in it; or for names that cannot be used.
    """
    path = Path(os.path.realpath(path))
    require_there(path)
    if path.is_file():
        if path.suffix.lower() not in ENDINGS:
            raise CatalogError(
                "data.file-name",
                f"{path}: is no GeoTIFF by its name; expected a name that ends in {' or '.join(ENDINGS)}, or the "
                "folder of map tiles",
            )
        root, sources = path.parent, pairs.table_of(path.parent, [path])
    elif any(map(is_city, [path, *path.glob("*")])):
        return path, SPACENET2.sources(path), SPACENET2
    elif not _geotiffs(path) and has_tiles(path):
        return path, _tiles(path, zoom), xyz(zoom)
    else:
        root, sources = path, PAIRS.sources(path)
    scenes = sources.assign(aoi=sources["aoi"].map(scene_of))
    return root, sources if scenes["aoi"].duplicated().any() else scenes, PAIRS


def find_pictures(path: Path, _zoom: int | None = None) -> tuple[Path, pd.DataFrame, Layout]:
    """Find the images that ``path`` stands for, wherever they lie, or nowhere: PNG, JPEG, WebP or TIFF.

    A file; a folder in layout ``colour``; or a folder of images, also in folders below. Returns and raises as
    :func:`find_scenes`.
    """
    path = Path(os.path.realpath(path))
    require_there(path)
    layout = colour(None)
    if path.is_file():
        return path.parent, picture_table(path.parent, [path]), layout
    if image_folders(path):
        return path, scan_colour(path), layout
    return path, picture_table(path, pictures_below(path)), layout


def _tiles(path: Path, zoom: int | None) -> pd.DataFrame:
    try:
        return xyz(zoom).sources(path)
    except CatalogError as fault:
        if fault.code != "data.zoom":
            raise
        raise CatalogError(fault.code, f"{fault} with --zoom (in Python, zoom=)") from None


def _geotiffs(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.glob("*")
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()
    )


def _single(path: Path, month: str | None) -> pd.DataFrame:
    if path.suffix.lower() not in ENDINGS:
        raise CatalogError(
            "data.file-name", f"{path}: is no GeoTIFF by its name; expected a name that ends in {' or '.join(ENDINGS)}"
        )
    if month is not None and not MONTH.fullmatch(month):
        raise CatalogError("options.month", f"month {month!r}: expected one such as 2018-01")
    # What is left of "harbour_2020_05" without the month, and without what parted the two.
    rest = re.sub(r"[_\-. ]{2,}", "_", MONTH_PATTERN.sub("", path.stem)).strip("_-. ")
    aoi, told = _frame_of(path, rest or path.parent.name, month)
    return _table({(aoi, told): path.name})


def _flat(images: list[Path], folder_name: str) -> pd.DataFrame:
    """Return the frames of one folder of images."""
    by_key: dict[tuple[str, str], list[str]] = defaultdict(list)
    faults: list[str] = []
    for path in images:
        try:
            by_key[_frame_of(path, folder_name)].append(path.name)
        except CatalogError as fault:
            faults.append(str(fault))
    faults += [
        f"{names} are all of {month}, AOI {aoi}; expected one image a month"
        for (aoi, month), names in by_key.items()
        if len(names) > 1
    ]
    if faults:
        raise CatalogError("data.bad-files", "\n  ".join([f"{images[0].parent}: {len(faults)} fault(s)", *faults]))
    return _table({key: name for key, (name,) in by_key.items()})


def _frame_of(path: Path, aoi: str, month: str | None = None) -> tuple[str, str]:
    """Return (AOI, month) by a file's name: of SpaceNet 7, or else ``aoi`` and ``month``, by default the one it tells.

    Raises CatalogError if the name tells no month, or two.
    """
    if known := frame_of(path.stem, ""):
        return known[0], month or known[1]
    months = [month] if month else sorted({f"{it['year']}-{it['month']}" for it in MONTH_PATTERN.finditer(path.stem)})
    if len(months) != 1:
        raise CatalogError(
            "data.file-name",
            f"{path.name}: its name tells {' and '.join(months) or 'no month'}; expected one such as 2018_01, 2018-01 "
            "or 201801 in it: rename it, or give a single GeoTIFF with --month 2018-01",
        )
    return aoi, months[0]


def _table(images: dict[tuple[str, str], str]) -> pd.DataFrame:
    rows = [{"aoi": aoi, "time": month, "image": name} for (aoi, month), name in sorted(images.items())]
    return SOURCES.check(pd.DataFrame(rows).assign(part="", labels="", labels_kind="", mask=""))
