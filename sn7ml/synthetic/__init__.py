"""Synthetic data: towns with known buildings, laid out as SpaceNet 7, SpaceNet 2, map tiles or label images.

A town is laid out (``streets``, ``outlines``); its buildings are built and demolished (``town``); its ground is painted
(``ground``); each month is seen (``scene``) and written to files (``writer``). ``place`` gives the AOI a name, a grid
and a calendar. Every step draws from its own stream of random numbers (``chance``), so AOI k of a seed is the same in
every set of that size. ``close_up`` draws the same towns from near, for single scenes (``scenes``), for tiles
(``map_tiles``) and for land use by class (``land_use``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sn7ml.core.errors import CatalogError, ParamsError
from sn7ml.core.runtime.files import replacing
from sn7ml.synthetic.close_up import FINE, LEAST_PX
from sn7ml.synthetic.land_use import write_land_use
from sn7ml.synthetic.map_tiles import write_map_tiles
from sn7ml.synthetic.place import place_of
from sn7ml.synthetic.scene import build_aoi
from sn7ml.synthetic.scenes import write_scenes
from sn7ml.synthetic.writer import write_aoi


def make_synthetic(out: Path, *, aois: int, months: int, size_px: int, seed: int) -> None:
    """Write ``out/train/<AOI>/...`` for ``aois`` AOIs over ``months`` months from 2018-01.

    ``out`` appears only when it is complete. AOI 0 (and 6, 12, ...) is one row short; AOI 1 lacks a month if there are
    at least three; AOI 3 touches AOI 2 at a corner. Raises ParamsError if a number is out of range, and CatalogError if
    ``out`` exists and is not an empty folder.
    """
    _require(aois=(aois, 1, 60), months=(months, 1, 120), size_px=(size_px, 64, 1024), seed=seed)
    with _complete(out) as temporary:
        for index in range(aois):
            place = place_of(index, months, size_px, seed)
            write_aoi(build_aoi(place), temporary / "train" / place.aoi)


def make_scenes(out: Path, *, scenes: int, size_px: int, seed: int) -> None:
    """Write ``scenes`` labelled scenes in SpaceNet 2's layout, the last of them empty, one without labels, and truth.

    ``truth.csv`` says what each shows, in m². Raises as :func:`make_synthetic`; ``size_px`` is a multiple of 8.
    """
    _require(scenes=(scenes, 2, 60), size_px=(size_px, LEAST_PX, 1024), seed=seed)
    if size_px % FINE:
        raise ParamsError("synthetic.range", f"size_px must be a multiple of {FINE}, got {size_px}")
    with _complete(out) as temporary:
        write_scenes(temporary, scenes, size_px, seed)


def make_map_tiles(out: Path, *, places: int, seed: int) -> None:
    """Write map tiles of a large place and ``places - 1`` small ones at two zooms, and truth as :func:`make_scenes`."""
    _require(places=(places, 1, 60), seed=seed)
    with _complete(out) as temporary:
        write_map_tiles(temporary, places, seed)


def make_colour(out: Path, *, folders: int, size_px: int, seed: int) -> None:
    """Write ``folders`` folders of images with label images whose colours are classes, and ``truth.csv``.

    Raises as :func:`make_scenes`.
    """
    _require(folders=(folders, 3, 60), size_px=(size_px, LEAST_PX, 1024), seed=seed)
    if size_px % FINE:
        raise ParamsError("synthetic.range", f"size_px must be a multiple of {FINE}, got {size_px}")
    with _complete(out) as temporary:
        write_land_use(temporary, folders, size_px, seed)


def _require(seed: int, **numbers: tuple[int, int, int]) -> None:
    """Raise ParamsError naming the first number (value, lowest, highest) that is out of range."""
    for name, (value, low, high) in numbers.items():
        if not low <= value <= high:
            raise ParamsError("synthetic.range", f"{name} must lie between {low} and {high}, got {value}")
    if seed < 0:
        raise ParamsError("synthetic.seed", f"seed must not be negative, got {seed}")


@contextmanager
def _complete(out: Path) -> Iterator[Path]:
    """Yield a folder that becomes ``out`` when all is written. Raises CatalogError if there is something in ``out``."""
    out = out.absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CatalogError(
            "output.folder-not-empty", f"{out} exists and is not an empty folder; remove it or give another one"
        )
    with replacing(out) as temporary:
        yield temporary
