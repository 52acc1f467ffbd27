"""Parts of buildings in two blocks: which are one, and what the whole is."""

from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from morecantile import Tile
from shapely.geometry import Polygon, box

from sn7ml.areas.blocks import blocks_of
from sn7ml.areas.measure import PARTS
from sn7ml.areas.merge import Merge
from sn7ml.areas.results import Results

SIDE = 100
"""Pixels of a tile, which is a block: the first from x = 0, the second from x = 100."""


def joined(tmp_path: Path, *parts: tuple[int, Polygon, int, float]) -> pd.DataFrame:
    """Merge parts, each (block, shape, pixels, confidence), at the edges of two blocks side by side."""
    blocks = blocks_of([Tile(0, 5, 10), Tile(1, 5, 10)], 1)
    results = Results(tmp_path)
    for number, block in enumerate(blocks):
        rows = [part for part in parts if part[0] == number]
        shapes = np.array(
            [shapely.transform(part[1], lambda xy: np.add(xy, (0, 5 * SIDE))) for part in rows], dtype=object
        )
        table = pd.DataFrame(
            {
                "part": np.arange(len(rows)), "at_edge": True, "pixels": [part[2] for part in rows],
                "area_m2": [2.0 * part[2] for part in rows], "confidence": [part[3] for part in rows],
                "geometry": pd.Series(shapely.to_wkb(shapes), dtype="object"),
            }
        )  # fmt: skip
        results.write(block, pd.DataFrame(), PARTS.check(table) if rows else PARTS.empty())
    found = pd.concat(list(Merge(results, blocks, SIDE, 0.0).buildings()), ignore_index=True)
    found["geometry"] = shapely.transform(
        found["geometry"].to_numpy(dtype=object), lambda xy: np.subtract(xy, (0, 5 * SIDE))
    )
    return found


def test_two_halves_are_one_whose_numbers_add_up(tmp_path: Path) -> None:
    (whole,) = joined(tmp_path, (0, box(90, 10, 100, 20), 100, 0.5), (1, box(100, 10, 130, 20), 300, 0.9)).to_dict(
        "records"
    )
    assert whole["geometry"].equals(box(90, 10, 130, 20))
    assert (whole["area_m2"], whole["confidence"]) == (800.0, pytest.approx((0.5 * 100 + 0.9 * 300) / 400))


def test_neighbours_whose_wall_two_blocks_see_at_different_places_stay_two(tmp_path: Path) -> None:
    found = joined(
        tmp_path,
        (0, box(80, 10, 100, 20), 200, 1.0), (0, box(80, 20, 100, 30), 200, 1.0),
        (1, box(100, 10, 120, 18), 160, 1.0), (1, box(100, 18, 120, 30), 240, 1.0),
    )  # fmt: skip
    assert sorted(shape.area for shape in found["geometry"]) == [360.0, 440.0]


def test_parts_that_meet_at_a_corner_or_not_at_all_stay_apart(tmp_path: Path) -> None:
    found = joined(
        tmp_path,
        (0, box(80, 10, 100, 20), 200, 1.0), (1, box(100, 20, 120, 30), 200, 1.0), (1, box(101, 60, 120, 70), 190, 1.0),
    )  # fmt: skip
    assert len(found) == 3


def test_a_yard_around_which_two_parts_close_is_filled_as_all_yards_are(tmp_path: Path) -> None:
    left = box(80, 10, 100, 40).difference(box(90, 20, 100, 30))
    right = box(100, 10, 120, 40).difference(box(100, 20, 110, 30))
    (whole,) = joined(tmp_path, (0, left, 500, 1.0), (1, right, 500, 1.0))["geometry"]
    assert whole.equals(box(80, 10, 120, 40))


def test_nothing_found_is_files_without_outlines(tmp_path: Path) -> None:
    blocks = blocks_of([Tile(0, 5, 10)], 1)
    tiles = pd.DataFrame({"x": [0], "y": [5], "state": ["missing"], "area_m2": [np.nan], "ground_m2": [9.0]})
    results = Results(tmp_path / "blocks")
    results.write(blocks[0], tiles, PARTS.empty())
    Merge(results, blocks, SIDE, 0.0).write(tmp_path)
    assert (tmp_path / "areas.csv").read_text().splitlines() == [
        "tile,x,y,z,area_m2,buildings,covered_fraction,state",
        "10/0/5,0,5,10,,,,missing",
    ]
    for name in ("buildings.gpkg", "buildings.geojson"):
        assert len(geopandas.read_file(tmp_path / name)) == 0
