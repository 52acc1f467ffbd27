"""The tile store against pixels that hold their own address and houses drawn by hand."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import box

from sn7ml.core.errors import GridError, RasterError, TableError
from sn7ml.params import RimsParams, TargetParams, TilingParams
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import Target, target_of
from sn7ml.targets.rims import BOUNDARY_BIT, CONTACT_BIT, FOOTPRINT_BIT, UNKNOWN_BIT
from tests.raising import items_fail, raises
from tests.sn7_folder import (
    AOI,
    FAR_AOI,
    MONTHS,
    SPLIT,
    THIRD_AOI,
    addressed,
    grid_of,
    scenes_of,
    stem,
    write_aoi,
    write_image,
    write_udm,
)

pytestmark = pytest.mark.usefixtures("serial")

WIDE = (63, 160)
"""Train 0 to 64, validation 68 to 108, test 112 to 160: worked out from SPLIT by hand."""

HOUSES = {0: box(4, 4, 8, 7), 7: box(20, 30, 25, 34), 12: box(25, 30, 28, 34), 3: box(158, 10, 163, 12)}


def tiling(upsampling: int = 3, min_usable_fraction: float = 0.0) -> TilingParams:
    return TilingParams(size_px=32, overlap_px=8, upsampling=upsampling, min_usable_fraction=min_usable_fraction)


def rims(boundary_px: int = 1, shift_px: tuple[float, float] = (0.0, 0.0)) -> Target:
    x, y = shift_px
    params = RimsParams(boundary_px=boundary_px, contact_px=3)
    return target_of(TargetParams(kind="rims", shift_x_px=x, shift_y_px=y, rims=params))


def store_of(root: Path, out: Path, params: TilingParams | None = None, target: Target | None = None) -> TileStore:
    write_tiles(root, scenes_of(root), SPLIT, params or tiling(), target or rims(), out)
    return TileStore(out)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_aoi(tmp_path / "data", size=WIDE, buildings=HOUSES)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    folder = tmp_path_factory.mktemp("store")
    write_aoi(folder / "data", size=WIDE, buildings=HOUSES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SN7ML_EXECUTOR", "serial")
        return store_of(folder / "data", folder / "tiles")


@given(row=st.integers(0, 31), col=st.integers(0, 128), month=st.integers(0, 2))
def test_every_window_holds_the_addresses_it_was_asked_for(store: TileStore, row: int, col: int, month: int) -> None:
    pixels = store.read_pixels(AOI, MONTHS[month], (row, col), 32)
    expected = addressed((row + 32, col + 32), month + 1)[:, row:, col:]
    np.testing.assert_array_equal(pixels, expected)


@given(row=st.integers(0, 40), col=st.integers(0, 130), rows=st.integers(1, 23), cols=st.integers(1, 30))
def test_flags_lie_on_the_same_ground_as_pixels(store: TileStore, row: int, col: int, rows: int, cols: int) -> None:
    whole = store.read_flags(AOI, "2018-02", (0, 0), WIDE)
    window = store.read_flags(AOI, "2018-02", (row, col), (rows, cols))
    np.testing.assert_array_equal(window, whole[row * 3 : (row + rows) * 3, col * 3 : (col + cols) * 3])


def footprint_of_houses(upsampling: int = 3) -> NDArray[np.bool_]:
    """Houses on whole pixels, drawn by slicing."""
    drawn = np.zeros((WIDE[0] * upsampling, WIDE[1] * upsampling), np.bool_)
    for left, top, right, bottom in (house.bounds for house in HOUSES.values()):
        rows = slice(int(top) * upsampling, int(bottom) * upsampling)
        drawn[rows, int(left) * upsampling : int(right) * upsampling] = True
    return drawn


def test_mask_bits_under_drawn_houses_at_three_pixels_per_pixel(store: TileStore) -> None:
    flags = store.read_flags(AOI, "2018-01", (0, 0), WIDE)
    assert store.upsampling == 3
    np.testing.assert_array_equal((flags & FOOTPRINT_BIT) > 0, footprint_of_houses())
    lonely = flags[4 * 3 : 7 * 3, 4 * 3 : 8 * 3]
    rim = np.ones((9, 12), np.bool_)
    rim[1:-1, 1:-1] = False
    np.testing.assert_array_equal((lonely & BOUNDARY_BIT) > 0, rim)
    assert not (lonely & CONTACT_BIT).any()
    # The wall between 7 and 12 is at column 25: two mask pixels to each side, and two past both of its ends.
    contact = np.argwhere((flags & CONTACT_BIT) > 0)
    assert contact.min(axis=0).tolist() == [30 * 3 - 2, 25 * 3 - 2]
    assert contact.max(axis=0).tolist() == [34 * 3 + 1, 25 * 3 + 1]
    assert len(contact) == (4 * 3 + 4) * 4
    assert not (flags & UNKNOWN_BIT).any()


def test_tiles_never_straddle_two_sides(store: TileStore) -> None:
    regions = {row["split"]: (row["col_start"], row["col_stop"]) for row in store.regions.to_dict("records")}
    assert regions == {"train": (0, 64), "validation": (68, 108), "test": (112, 160)}
    for tile in store.tiles.to_dict("records"):
        start, stop = regions[tile["split"]]
        assert start <= tile["col"]
        assert tile["col"] + 32 <= stop
        assert 0 <= tile["row"] <= 63 - 32


@pytest.fixture
def folded(root: Path, tmp_path: Path) -> TileStore:
    """Folds of columns 0 to 33, 37 to 71 and 75 to 108, test from 112, worked out by hand."""
    write_tiles(root, scenes_of(root), SPLIT.model_copy(update={"folds": 3}), tiling(), rims(), tmp_path / "folded")
    return TileStore(tmp_path / "folded")


def test_each_network_learns_on_what_the_others_are_validated_on(folded: TileStore) -> None:
    assert folded.folds == 3
    for fold, (start, stop) in {1: (0, 33), 2: (37, 71), 3: (75, 108)}.items():
        held, learned = folded.held_from(fold), folded.learned_by(fold)
        assert held["col"].between(start, stop - 32).all()
        assert learned["col"].lt(112 - 32).all()
        assert not learned["col"].between(start - 31, stop).any()
        assert len(held) + len(learned) == len(folded.held_from(1)) + len(folded.learned_by(1)) > len(learned)


def test_one_network_learns_on_the_training_columns_and_is_validated_beside_them(store: TileStore) -> None:
    assert store.folds == 1
    assert set(store.learned_by(1)["split"]) == {"train"}
    assert set(store.held_from(1)["split"]) == {"validation"}


def test_what_is_predicted_leaves_no_gap_and_is_asked_of_who_has_not_seen_it(
    folded: TileStore, store: TileStore
) -> None:
    plan = [(0, 35, 1), (35, 73, 2), (73, 110, 3), (110, 160, 0)]
    assert folded.stretches(("validation", "test")) == {AOI: plan}
    assert folded.stretches(("test",)) == {AOI: [(112, 160, 0)]}
    assert folded.columns(("validation",), fold=2) == {AOI: [(37, 71)]}
    # A network of its own has the number 1, and the mean of all networks is its own opinion.
    assert store.stretches(("train", "test")) == {AOI: [(0, 88, 0), (88, 160, 0)]}


def test_what_is_used_for_what_names_columns_and_labelled_months(root: Path, tmp_path: Path) -> None:
    (root / "train" / AOI / "labels_match_pix" / f"{stem(AOI, '2018-02')}_Buildings.geojson").unlink()
    write_tiles(root, scenes_of(root), SPLIT.model_copy(update={"folds": 3}), tiling(), rims(), tmp_path / "tiles")
    assert TileStore(tmp_path / "tiles").extent().to_numpy().tolist() == [
        ["test", AOI, "112 to 159", 2],
        ["validation", AOI, "0 to 32, 37 to 70, 75 to 107", 2],
    ]


def test_tiles_cover_their_side(store: TileStore) -> None:
    seen = np.zeros(WIDE, np.bool_)
    for row, col in store.tiles[["row", "col"]].to_numpy().tolist():
        seen[row : row + 32, col : col + 32] = True
    assert seen[:, :64].all()
    assert seen[:, 68:108].all()
    assert seen[:, 112:].all()
    assert not seen[:, 64:68].any()
    assert not seen[:, 108:112].any()


def test_a_tile_knows_its_built_up_share(store: TileStore) -> None:
    tiles = store.tiles[(store.tiles["time"] == "2018-01") & (store.tiles["row"] == 0) & (store.tiles["col"] == 0)]
    # House 0 is 4 x 3 pixels; of houses 7 and 12 two rows of 8 columns lie above row 32.
    assert tiles["footprint_fraction"].item() == pytest.approx((4 * 3 + 2 * 8) / 32**2)
    assert tiles["usable_fraction"].item() == 1.0


def test_the_index_knows_frames_and_their_brightness(store: TileStore) -> None:
    assert store.months(AOI) == list(MONTHS)
    assert store.frames["rows"].tolist() == [63] * 3
    assert store.frames["cols"].tolist() == [160] * 3
    assert store.tile_px == 32
    mean, std = store.statistics[AOI, "2018-04"]
    np.testing.assert_allclose(mean, [31, 79.5, 3])
    np.testing.assert_allclose(std, [((63**2 - 1) / 12) ** 0.5, ((160**2 - 1) / 12) ** 0.5, 1], atol=1e-4)
    assert store.columns(["train", "test"]) == {AOI: [(0, 64), (112, 160)]}
    assert store.columns([]) == {}


def test_blanked_pixels_and_the_mask_of_unusable_data_are_unknown(root: Path, tmp_path: Path) -> None:
    pixels = addressed(WIDE, 1)
    pixels[:, :, :40] = 0
    write_image(root / "train" / AOI / "images_masked" / f"{stem(AOI, '2018-01')}.tif", pixels, grid_of(AOI, WIDE))
    unusable = np.zeros(WIDE, np.bool_)
    unusable[5:9, 3:30] = True
    write_udm(root / "train" / AOI, "2018-02", unusable, grid_of(AOI, WIDE))
    store = store_of(root, tmp_path / "tiles")
    for month, expected in (("2018-01", pixels[3] == 0), ("2018-02", unusable), ("2018-04", np.zeros(WIDE))):
        unknown = (store.read_flags(AOI, month, (0, 0), WIDE) & UNKNOWN_BIT) > 0
        np.testing.assert_array_equal(unknown, np.kron(expected, np.ones((3, 3))))
    footprint = (store.read_flags(AOI, "2018-01", (0, 0), WIDE) & FOOTPRINT_BIT) > 0
    np.testing.assert_array_equal(footprint, footprint_of_houses())


def test_tiles_with_too_little_to_see_are_left_out(root: Path, tmp_path: Path) -> None:
    pixels = addressed(WIDE, 1)
    pixels[3, :, :16] = 0  # half of the tiles at column 0, none of those at 24 and 32
    write_image(root / "train" / AOI / "images_masked" / f"{stem(AOI, '2018-01')}.tif", pixels, grid_of(AOI, WIDE))
    for least, columns in ((0.5, [0, 24, 32]), (0.51, [24, 32])):
        store = store_of(root, tmp_path / f"tiles-{least}", tiling(min_usable_fraction=least))
        tiles = store.tiles[(store.tiles["time"] == "2018-01") & (store.tiles["split"] == "train")]
        assert sorted(tiles["col"].unique()) == columns
    assert (store.tiles["time"] == "2018-02").sum() > len(tiles)


def test_a_frame_without_labels_is_kept_unlabelled_and_unknown(root: Path, tmp_path: Path) -> None:
    (root / "train" / AOI / "labels_match_pix" / f"{stem(AOI, '2018-02')}_Buildings.geojson").unlink()
    store = store_of(root, tmp_path / "tiles", tiling(min_usable_fraction=0.5))
    assert store.frames["labelled"].tolist() == [True, False, True]
    tiles = store.tiles[store.tiles["time"] == "2018-02"]
    assert len(tiles)
    assert not tiles["labelled"].any()
    assert (tiles["usable_fraction"] == 1).all()
    assert store.tiles.loc[store.tiles["time"] != "2018-02", "labelled"].all()
    assert (store.read_flags(AOI, "2018-02", (0, 0), WIDE) == UNKNOWN_BIT).all()


def test_an_area_without_any_labels_is_no_part_of_the_store(root: Path, tmp_path: Path) -> None:
    write_aoi(root, FAR_AOI, part="test_public", labels=(), size=WIDE)
    store = store_of(root, tmp_path / "tiles")
    assert store.frames["aoi"].unique().tolist() == [AOI]
    assert not (tmp_path / "tiles" / FAR_AOI).exists()


def test_masks_are_drawn_beside_the_labels_where_buildings_are_seen_there(root: Path, tmp_path: Path) -> None:
    moved = rims(shift_px=(2 / 3, -1.0))
    flags = store_of(root, tmp_path / "tiles", target=moved).read_flags(AOI, "2018-01", (0, 0), WIDE)
    wanted = np.zeros_like(houses := footprint_of_houses())
    wanted[:-3, 2:] = houses[3:, :-2]
    np.testing.assert_array_equal((flags & FOOTPRINT_BIT) > 0, wanted)


def test_a_labelled_frame_without_buildings_is_known_ground(tmp_path: Path) -> None:
    write_aoi(tmp_path / "data", months=("2018-01",), size=WIDE, buildings={})
    store = store_of(tmp_path / "data", tmp_path / "tiles")
    assert not store.read_flags(AOI, "2018-01", (0, 0), WIDE).any()
    assert store.tiles["labelled"].all()


def test_areas_have_their_own_sizes_and_sides(tmp_path: Path) -> None:
    for aoi, size in ((AOI, (63, 64)), (FAR_AOI, (64, 63)), (THIRD_AOI, (64, 64))):
        write_aoi(tmp_path / "data", aoi, months=("2018-01",), size=size)
    store = store_of(tmp_path / "data", tmp_path / "tiles")
    assert sorted(store.tiles.groupby("aoi")["split"].first()) == ["test", "train", "validation"]
    assert store.read_pixels(FAR_AOI, "2018-01", (32, 31), 32)[:, -1, -1].tolist() == [63, 62, 1, 255]


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("executor", ["serial", "processes:2"])
def test_the_same_input_gives_the_same_bytes(executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for aoi in (AOI, FAR_AOI, THIRD_AOI):
        write_aoi(tmp_path / "data", aoi, months=MONTHS[:2])
    one = store_of(tmp_path / "data", tmp_path / "one")
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    other = store_of(tmp_path / "data", tmp_path / "other")
    assert hashes(tmp_path / "one") == hashes(tmp_path / "other")
    assert len(hashes(tmp_path / "one")) == 3 + 3 * 2
    assert one.digest() == other.digest()


def test_the_digest_follows_every_pixel_and_every_mask(root: Path, tmp_path: Path) -> None:
    before = store_of(root, tmp_path / "one").digest()
    assert store_of(root, tmp_path / "thicker", target=rims(boundary_px=2)).digest() != before
    pixels = addressed(WIDE, 1)
    pixels[0, [0, 1], 0] = pixels[0, [1, 0], 0]  # neither mean nor deviation notices
    write_image(root / "train" / AOI / "images_masked" / f"{stem(AOI, '2018-01')}.tif", pixels, grid_of(AOI, WIDE))
    assert store_of(root, tmp_path / "swapped").digest() != before


@pytest.mark.parametrize("executor", ["serial", "processes:2"])
def test_every_area_that_fails_is_named(executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", executor)
    for aoi in (AOI, FAR_AOI, THIRD_AOI):
        write_aoi(tmp_path / "data", aoi, months=("2018-01",))
    scenes = scenes_of(tmp_path / "data")
    for aoi in (FAR_AOI, THIRD_AOI):
        write_image(tmp_path / "data" / scenes.frames_of([aoi])["image"].iloc[0], addressed((63, 64))[:3], grid_of(aoi))
    with items_fail(dict.fromkeys((FAR_AOI, THIRD_AOI), (RasterError, "image.band-count", 3))) as caught:
        write_tiles(tmp_path / "data", scenes, SPLIT, tiling(), rims(), tmp_path / "tiles")
    assert caught.value.total == 3
    with raises(TableError, "tiles.no-store", tmp_path / "tiles"):
        TileStore(tmp_path / "tiles")


@pytest.mark.parametrize("fault", ["another shape", "truncated"])
def test_a_bad_mask_of_unusable_data_is_named(fault: str, root: Path, tmp_path: Path) -> None:
    shape = WIDE if fault == "truncated" else (63, 150)
    write_udm(root / "train" / AOI, "2018-02", np.ones(shape, np.bool_), grid_of(AOI, shape))
    path = root / "train" / AOI / "UDM_masks" / f"{stem(AOI, '2018-02')}_UDM.tif"
    expected: tuple[object, ...] = (GridError, "mask.shape", path, "(63, 150)", "(63, 160)")
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:6])
        expected = (RasterError, "image.not-geotiff", path)
    with items_fail({AOI: expected}):
        store_of(root, tmp_path / "tiles")


def test_tiles_too_large_for_the_training_side_are_refused_with_a_cure(tmp_path: Path) -> None:
    write_aoi(tmp_path / "data", size=(63, 64))
    with raises(TableError, "tiles.none", "32 px", "tiling.size_px", "split.gap_px"):
        store_of(tmp_path / "data", tmp_path / "tiles")


def test_a_folder_that_is_no_store_says_how_to_make_one(tmp_path: Path) -> None:
    with raises(TableError, "tiles.no-store", tmp_path, "['frames', 'regions', 'tiles']", "dvc repro tile"):
        TileStore(tmp_path)


@pytest.mark.real
def test_the_real_single_month_has_its_nodata_rim_unknown(real_data: Path, tmp_path: Path) -> None:
    sources = scan(real_data)
    sources = sources[sources["aoi"] == "L15-1615E-1205N_6460_3370_13"]
    scenes = scenes_of(real_data, sources, out=tmp_path / "scenes")
    write_tiles(real_data, scenes, SPLIT, tiling(min_usable_fraction=0.5), rims(), tmp_path / "tiles")
    store = TileStore(tmp_path / "tiles")
    flags = store.read_flags("L15-1615E-1205N_6460_3370_13", "2017-07", (0, 0), (1024, 1024))
    unknown = (flags[::3, ::3] & UNKNOWN_BIT) > 0
    assert unknown.any()
    assert not unknown[8:-8, 8:-8].any()
    # 2,775 buildings of some 11 px² each, seen at 9 mask pixels per pixel.
    assert 2_775 * 5 < ((flags & FOOTPRINT_BIT) > 0).sum() / 9 < 2_775 * 60
    assert isinstance(store.tiles, pd.DataFrame)
