"""Images that lie close on the ground are of one group, whatever their CRS and however they are cut."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyproj import Geod, Transformer

from sn7ml.core.schemas import TRANSFORM
from sn7ml.params import DataParams, SplitParams
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts import layout_of
from sn7ml.scenes.layouts.ground_groups import group_by_ground
from tests.scenes.layouts.test_xyz import X, Y, write_place

SIDE_M = 100
SPLIT = SplitParams(
    folds=1, validation_fraction=0.2, test_fraction=0.3, gap_px=0, neighbour_tiles=0, neighbour_m=50.0, seed=7
)


def scenes(corners: Mapping[str, tuple[float, float]], epsg: int, side: float = 1.0) -> pd.DataFrame:
    """Return frames of 100 × 100 pixels by their north-western corners, in a CRS."""
    rows = [(aoi, epsg, SIDE_M, SIDE_M, side, 0.0, east, 0.0, -side, north) for aoi, (east, north) in corners.items()]
    return pd.DataFrame(rows, columns=["aoi", "epsg", "rows", "cols", *TRANSFORM])


def in_utm(corners_m: Mapping[str, tuple[float, float]], north_m: float = 40_000) -> pd.DataFrame:
    """Return scenes of metres, by how far east and south of a place near the middle of a UTM zone they begin."""
    return scenes({aoi: (490_000 + east, north_m - south) for aoi, (east, south) in corners_m.items()}, 32636)


@pytest.mark.parametrize("north_m", [40_000, 5_430_000, 6_650_000], ids=["equator", "49 degrees", "60 degrees"])
@pytest.mark.parametrize("axis", ["east", "south"])
def test_scenes_at_most_as_far_apart_as_is_asked_are_of_one_group(axis: str, north_m: float) -> None:
    along = {"a": 0, "b": SIDE_M + 40, "c": 2 * SIDE_M + 100}  # then 40 and 60 m lie between them
    frames = in_utm({aoi: (far, 0) if axis == "east" else (0, far) for aoi, far in along.items()}, north_m)
    assert group_by_ground(frames, SPLIT) == {"a": "a", "b": "a", "c": "c"}


def test_scenes_of_another_city_change_no_distance() -> None:
    near = in_utm({"a": (0, 0), "b": (SIDE_M + 40, 0), "c": (2 * SIDE_M + 100, 0)}, 6_650_000)
    elsewhere = in_utm({"y": (0, 0), "z": (SIDE_M + 60, 0)}, 40_000)
    found = group_by_ground(pd.concat([near, elsewhere], ignore_index=True), SPLIT)
    assert found == {"a": "a", "b": "a", "c": "c", "y": "y", "z": "z"}


def test_neighbours_of_neighbours_are_of_the_group() -> None:
    chain = {f"s{place}": (place * (SIDE_M + 40.0), 0.0) for place in (4, 0, 2, 5, 1, 3)}
    assert set(group_by_ground(in_utm(chain), SPLIT).values()) == {"s0"}
    del chain["s3"]
    assert group_by_ground(in_utm(chain), SPLIT) == dict.fromkeys(("s0", "s1", "s2"), "s0") | dict.fromkeys(
        ("s4", "s5"), "s4"
    )


def test_scenes_in_several_crs_lie_where_their_ground_is() -> None:
    geod, corner = Geod(ellps="WGS84"), Transformer.from_crs(32636, 4326, always_xy=True).transform(490_000, 5_430_000)
    starts = {"b": 140.0, "c": 280.0, "d": 440.0}  # 40, 40 and 60 m between them
    degrees = {aoi: geod.fwd(*corner, 90, far)[:2] for aoi, far in starts.items()}
    to_mercator = Transformer.from_crs(4326, 3857, always_xy=True)
    stretched = 1 / np.cos(np.radians(corner[1]))
    frames = [
        in_utm({"a": (0, 0)}, 5_430_000),
        scenes({"b": degrees["b"]}, 4326, side=stretched / 111_320),
        scenes({aoi: to_mercator.transform(*degrees[aoi]) for aoi in ("c", "d")}, 3857, side=stretched),
    ]
    assert group_by_ground(pd.concat(frames, ignore_index=True), SPLIT) == {"a": "a", "b": "a", "c": "a", "d": "d"}


@pytest.mark.parametrize(
    ("block_m", "sizes"), [(None, [10]), (1_100.0, [10]), (330.0, [4, 3, 3])], ids=["none", "wider", "narrower"]
)
def test_a_long_row_of_scenes_that_touch_is_divided_into_blocks(block_m: float | None, sizes: list[int]) -> None:
    names = [f"s{place}" for place in range(10)]
    frames = in_utm({name: (place * SIDE_M, 0) for place, name in enumerate(names)}, 5_430_000)
    found = group_by_ground(frames, SPLIT.model_copy(update={"block_m": block_m}))
    firsts = [names[start] for start in np.cumsum([0, *sizes[:-1]])]
    assert [found[name] for name in names] == np.repeat(firsts, sizes).tolist()


@pytest.mark.usefixtures("serial")
def test_blocks_of_one_place_of_map_tiles_stay_in_one_group(tmp_path: Path) -> None:
    write_place(tmp_path / "data", [(X + col, Y) for col in (*range(40), 60)])  # 20 tiles on, another place
    layout = layout_of(DataParams(layout="xyz"))
    frames = ingest(tmp_path / "data", layout.sources(tmp_path / "data"), layout, SPLIT, tmp_path / "scenes").frames
    assert frames["cols"].tolist() == [16 * 64, 16 * 64, 8 * 64, 64]
    assert frames["group"].tolist() == [frames["aoi"][0]] * 3 + [frames["aoi"][3]]
