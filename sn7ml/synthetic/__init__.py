"""Synthetic cubes: towns with known buildings, growth, clouds and shifts, in the exact layout of SpaceNet 7.

A town is laid out (``streets``, ``outlines``); its buildings are built and demolished (``town``); its ground is painted
(``ground``); each month is seen (``scene``) and written to files (``writer``). ``place`` gives the AOI a name, a grid
and a calendar. Every step draws from its own stream of random numbers (``chance``), so AOI k of a seed is the same in
every set of that size.
"""

from pathlib import Path

from sn7ml.core.errors import CatalogError, ParamsError
from sn7ml.core.runtime.files import replacing
from sn7ml.synthetic.place import place_of
from sn7ml.synthetic.scene import build_aoi
from sn7ml.synthetic.writer import write_aoi


def make_synthetic(out: Path, *, aois: int, months: int, size_px: int, seed: int) -> None:
    """Write ``out/train/<AOI>/...`` for ``aois`` AOIs over ``months`` months from 2018-01.

    ``out`` appears only when it is complete. AOI 0 (and 6, 12, ...) is one row short; AOI 1 lacks a month if there are
    at least three; AOI 3 touches AOI 2 at a corner. Raises ParamsError if a number is out of range, and CatalogError if
    ``out`` exists and is not an empty folder.
    """
    for name, value, low, high in (("aois", aois, 1, 60), ("months", months, 1, 120), ("size_px", size_px, 64, 1024)):
        if not low <= value <= high:
            raise ParamsError("synthetic.range", f"{name} must lie between {low} and {high}, got {value}")
    if seed < 0:
        raise ParamsError("synthetic.seed", f"seed must not be negative, got {seed}")
    out = out.absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CatalogError(
            "output.folder-not-empty", f"{out} exists and is not an empty folder; remove it or give another one"
        )
    with replacing(out) as temporary:
        for index in range(aois):
            place = place_of(index, months, size_px, seed)
            write_aoi(build_aoi(place), temporary / "train" / place.aoi)
