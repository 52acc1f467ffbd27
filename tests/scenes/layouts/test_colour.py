"""Images with label images whose colours are classes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from PIL import Image

from sn7ml.core.errors import CatalogError, LabelError, ParamsError, RasterError
from sn7ml.core.geo.grid import NOWHERE, Grid
from sn7ml.core.schemas import UNDATED
from sn7ml.params import SplitParams
from sn7ml.scenes.images import read_image
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts.colour import colour, colours_of, legend_file, open_image, scan
from sn7ml.scenes.layouts.images import find_pictures
from tests.learn.toy import SPLIT
from tests.raising import items_fail, raises

SAND, SEA = (200, 180, 100), (20, 60, 200)
CLASSES = [{"name": "sand", "color": "#C8B464"}, {"name": "sea", "color": "#143CC8"}]
LAYOUT = colour(None)
SHAPE = (12, 16)


def write_pair(folder: Path, name: str, *, masks: str = "masks", labelled: bool = True, ending: str = ".png") -> None:
    """Write an image that is sand in the west and sea in the east, with a blended column between them."""
    pixels = np.full((*SHAPE, 3), SAND, np.uint8)
    pixels[:, 8:] = SEA
    pixels[:, 7] = [(row, 120, 150) for row in range(SHAPE[0])]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / "images" / f"{name}{ending}")
    if labelled:
        (folder / masks).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / masks / f"{name}.png")


def write_classes(root: Path) -> None:
    (root / "classes.json").write_text(json.dumps(CLASSES))


def two_folders(root: Path) -> Path:
    root.mkdir(exist_ok=True)
    write_classes(root)
    for folder in ("Tile 1", "Tile 2"):
        write_pair(root / folder, "part_1", ending=".jpg")
        write_pair(root / folder, "part_2", labelled=False)
    return root


def test_folders_with_blanks_hold_images_and_label_images_of_other_endings(tmp_path: Path) -> None:
    table = scan(two_folders(tmp_path)).set_index("aoi")
    assert table["part"].to_dict() == {
        "Tile_1-part_1": "Tile 1", "Tile_1-part_2": "Tile 1", "Tile_2-part_1": "Tile 2", "Tile_2-part_2": "Tile 2",
    }  # fmt: skip
    assert table.loc["Tile_1-part_1", "image"] == "Tile 1/images/part_1.jpg"
    assert table["labels"].to_dict() == {
        "Tile_1-part_1": "Tile 1/masks/part_1.png", "Tile_1-part_2": "",
        "Tile_2-part_1": "Tile 2/masks/part_1.png", "Tile_2-part_2": "",
    }  # fmt: skip


@pytest.mark.parametrize("masks", ["masks", "labels/color", "labels", "annotations"])
def test_label_images_lie_in_any_of_the_usual_folders(tmp_path: Path, masks: str) -> None:
    write_pair(tmp_path, "one", masks=masks)
    (row,) = scan(tmp_path).to_dict("records")
    assert (row["aoi"], row["part"], row["labels"]) == ("one", "", f"{masks}/one.png")


def test_every_fault_of_names_is_told_at_once(tmp_path: Path) -> None:
    write_pair(tmp_path, "one")
    write_pair(tmp_path, "one", labelled=False, ending=".jpg")
    (tmp_path / "images" / "deeper").mkdir()
    (tmp_path / "masks" / "deeper").mkdir()
    Image.new("RGB", SHAPE).save(tmp_path / "masks" / "stray.png")
    with raises(CatalogError, "data.bad-files", "images/one.png", "images/deeper", "masks/deeper", "masks/stray.png"):
        scan(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with raises(CatalogError, "data.no-images", tmp_path, "images/", "masks/"):
        scan(tmp_path)


def test_ingest_keeps_class_maps_and_images_that_lie_nowhere(tmp_path: Path) -> None:
    root = two_folders(tmp_path / "data")
    scenes = ingest(root, LAYOUT.sources(root), LAYOUT, SPLIT, tmp_path / "scenes")
    assert scenes.class_names == ("sand", "sea")
    found = scenes.class_map_of("Tile_2-part_1", UNDATED)
    assert found is not None
    assert found.tolist() == [[0] * 7 + [255] + [1] * 8] * 12
    assert set(scenes.frames["epsg"]) == {NOWHERE}
    assert scenes.labels_of(list(scenes.frames["aoi"])).empty
    image = read_image(scenes.folder / str(scenes.frames.set_index("aoi").loc["Tile_1-part_2", "image"]))
    assert image.grid == Grid.nowhere(*SHAPE)
    assert tuple(image.pixels[:3, 0, 0]) == SAND


def test_a_legend_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    root = two_folders(tmp_path / "data")
    (root / "classes.json").write_text(json.dumps(CLASSES[:1]))
    with raises(CatalogError, "legend.misfit", "classes.json", "#143CC8", "50.00%"):
        ingest(root, LAYOUT.sources(root), LAYOUT, SPLIT, tmp_path / "scenes")
    assert not [path for path in (tmp_path / "scenes").rglob("*") if path.suffix in (".parquet", ".json")]


def test_labels_of_another_size_and_damaged_ones_are_all_named(tmp_path: Path) -> None:
    root = two_folders(tmp_path)
    Image.new("RGB", (16, 5), SAND).save(root / "Tile 1" / "masks" / "part_1.png")
    (root / "Tile 2" / "masks" / "part_1.png").write_bytes(b"none")
    with items_fail(
        {
            f"Tile_1-part_1 {UNDATED}": (LabelError, "labels.shape", "Tile 1/masks/part_1.png", 5, 12),
            f"Tile_2-part_1 {UNDATED}": (LabelError, "labels.image", "Tile 2/masks/part_1.png"),
        }
    ):
        ingest(root, LAYOUT.sources(root), LAYOUT, SPLIT, tmp_path / "scenes")


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (None, {"Tile_1-part_1", "Tile_2-part_1"}),  # a folder each, called like its first
        ("part_[0-9]", {"Tile_1-part_1", "Tile_1-part_2"}),
        (".+", {"Tile_1-part_1", "Tile_1-part_2", "Tile_2-part_1", "Tile_2-part_2"}),
        ("nothing", {"Tile_1-part_1", "Tile_1-part_2", "Tile_2-part_1", "Tile_2-part_2"}),
    ],
)
def test_images_that_lie_nowhere_are_grouped_by_folder_or_by_name(
    tmp_path: Path, pattern: str | None, groups: set[str]
) -> None:
    split = SPLIT.model_copy(update={"group_pattern": pattern})
    root = two_folders(tmp_path / "data")
    for folder in ("Tile 1", "Tile 2"):
        write_pair(root / folder, "part_2")
    scenes = ingest(root, LAYOUT.sources(root), LAYOUT, split, tmp_path / "scenes")
    assert set(scenes.frames["group"]) == groups


def test_a_pattern_that_is_none_is_refused(tmp_path: Path) -> None:
    split: SplitParams = SPLIT.model_copy(update={"group_pattern": "("})
    root = two_folders(tmp_path)
    with raises(ParamsError, "split.group-pattern", "'('"):
        ingest(root, LAYOUT.sources(root), LAYOUT, split, tmp_path / "scenes")


def test_a_geotiff_lies_where_it_says_and_one_without_a_crs_nowhere(tmp_path: Path) -> None:
    options = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": 12, "width": 16}
    placed = {"crs": "EPSG:32640", "transform": Affine(0.5, 0, 300_000, 0, -0.5, 2_700_000)}
    for name, more in {"placed": placed, "lost": {"transform": Affine.translation(3, 4)}}.items():
        with rasterio.open(tmp_path / f"{name}.tif", "w", **options, **more) as target:
            target.write(np.full((3, *SHAPE), 9, np.uint8))
    grids = {name: open_image(tmp_path, {"image": f"{name}.tif"}).grid for name in ("placed", "lost")}
    assert grids == {"placed": Grid(32640, placed["transform"], SHAPE), "lost": Grid.nowhere(*SHAPE)}


def test_an_image_that_is_called_after_its_map_tile_lies_there(tmp_path: Path) -> None:
    """17-70406-42987 is in Dubai's latitude; the corner is that of the slippy map's formula."""
    Image.new("RGB", (256, 256), SAND).save(tmp_path / "17-70406-42987.png")
    grid = open_image(tmp_path, {"image": "17-70406-42987.png"}).grid
    side_m = 2 * np.pi * 6_378_137 / 2**17
    west, north = 70406 * side_m - np.pi * 6_378_137, np.pi * 6_378_137 - 42987 * side_m
    assert grid.epsg == 3857
    assert grid.transform @ (0, 0) == pytest.approx((west, north))
    assert grid.transform.a == pytest.approx(side_m / 256)


def test_pictures_of_16_bits_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(tmp_path / "deep.png")
    with raises(RasterError, "image.data-type", "deep.png"):
        open_image(tmp_path, {"image": "deep.png"})
    (tmp_path / "none.jpg").write_bytes(b"none")
    with raises(RasterError, "image.unreadable", "none.jpg"):
        open_image(tmp_path, {"image": "none.jpg"})


def test_the_file_of_classes_is_the_only_one_or_the_one_that_params_name(tmp_path: Path) -> None:
    root = two_folders(tmp_path)
    assert legend_file(root, None) == root / "classes.json"
    (root / "Tile 1" / "class_dict.csv").write_text("name,r,g,b\n")
    with raises(CatalogError, "legend.which", root, "class_dict.csv"):
        legend_file(root, None)
    assert legend_file(root, "Tile 1/class_dict.csv") == root / "Tile 1" / "class_dict.csv"
    with raises(CatalogError, "legend.elsewhere", "../classes.json"):
        legend_file(root, "../classes.json")


def test_a_prediction_takes_a_file_a_folder_of_pictures_and_the_layout(tmp_path: Path) -> None:
    root = two_folders(tmp_path)
    assert list(find_pictures(root)[1]["aoi"]) == list(scan(root)["aoi"])
    folder, one, _ = find_pictures(root / "Tile 1" / "images" / "part_1.jpg")
    assert (folder, list(one["aoi"])) == (root / "Tile 1" / "images", ["part_1"])
    assert list(find_pictures(root / "Tile 1" / "images")[1]["aoi"]) == ["part_1", "part_2"]
    (root / "notes.txt").touch()
    with raises(CatalogError, "data.bad-files", "notes.txt", ".png"):
        find_pictures(root / "notes.txt")


def test_statistics_count_labelled_images_and_sparse_ones_are_left_out(tmp_path: Path) -> None:
    root = two_folders(tmp_path / "data")
    pixels = np.zeros((*SHAPE, 4), np.uint8)
    pixels[:3, :] = (*SAND, 255)  # a quarter has a class, the rest is transparent
    Image.fromarray(pixels).save(root / "Tile 1" / "masks" / "part_1.png")
    for least, labelled, stats in (
        (0.25, {"Tile_1-part_1", "Tile_2-part_1"}, [[48 + 84, 2], [96, 1]]),
        (0.26, {"Tile_2-part_1"}, [[84, 1], [96, 1]]),
    ):
        layout = colour(None, least)
        scenes = ingest(root, layout.sources(root), layout, SPLIT, tmp_path / f"scenes-{least}")
        assert set(scenes.frames.loc[scenes.frames["labelled"], "aoi"]) == labelled
        table = pd.read_csv(scenes.folder / "label-stats.csv")
        assert table["name"].tolist() == ["sand", "sea"]
        assert table[["frequency", "image_count"]].to_numpy().tolist() == stats


def test_colours_are_counted_without_a_file_of_classes(tmp_path: Path) -> None:
    root = two_folders(tmp_path)
    (root / "classes.json").unlink()
    colours = colours_of(root, scan(root))
    assert (colours[SAND], colours[SEA], colours.total()) == (2 * 7 * 12, 2 * 8 * 12, 2 * 192)
