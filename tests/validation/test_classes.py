"""Label images whose colours are classes, and class maps: sound ones pass, and each damage is named."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sn7ml.core.errors import TableError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.schemas import UNDATED
from sn7ml.outputs.class_map import LAND_USE_OUTPUT, count_map
from sn7ml.params import Params, Split, TargetParams, TilingParams, load_params
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts.colour import colour
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import target_of
from sn7ml.validation.facts.tiles import region_facts, tile_facts
from sn7ml.validation.report import Report
from sn7ml.validation.run import judge_tables, run_validation, validate_outputs
from sn7ml.validation.suites import tile_suites
from tests.raising import raises

pytestmark = pytest.mark.usefixtures("serial")

ROOT = Path(__file__).resolve().parents[2]
SAND, SEA = (200, 180, 100), (20, 60, 200)
CLASSES = [{"name": "sand", "color": "#C8B464"}, {"name": "sea", "color": "#143CC8"}]
LAYOUT = colour(None)
SIDE = 96
TARGET = target_of(TargetParams.model_validate({"kind": "classes", "classes": {"names": ("sand", "sea")}}))
TILING = TilingParams(size_px=32, overlap_px=0, upsampling=1, min_usable_fraction=0.5)
PREDICTED: tuple[Split, ...] = ("validation", "test")


def params() -> Params:
    found = load_params(ROOT / "configs" / "land-use-demo.yaml")
    split = found.split.model_copy(update={"test_aois": ("Town_3-*",), "validation_fraction": 0.3})
    thresholds = found.validation.model_copy(update={"sides_px": (SIDE, SIDE)})
    return found.model_copy(update={"split": split, "validation": thresholds})


def picture(town: int) -> np.ndarray:
    """Sand west of a coast that differs by town, with the grain of a photograph."""
    pixels = np.full((SIDE, SIDE, 3), SEA, np.int16)
    pixels[:, : 30 + 5 * town] = SAND
    grain = np.random.default_rng(town).integers(-12, 13, (SIDE, SIDE, 1))
    return (pixels + grain).clip(0, 255).astype(np.uint8)


def labels(town: int) -> np.ndarray:
    pixels = np.full((SIDE, SIDE, 3), SEA, np.uint8)
    pixels[:, : 30 + 5 * town] = SAND
    return pixels


def world(root: Path) -> Path:
    for town in (1, 2, 3):
        for name, pixels in {"images": picture(town), "masks": labels(town)}.items():
            (root / f"Town {town}" / name).mkdir(parents=True)
            Image.fromarray(pixels).save(root / f"Town {town}" / name / "part.png")
    (root / "classes.json").write_text(json.dumps(CLASSES))
    return root


def failed(report: Report) -> dict[str, list[str]]:
    """Column that was judged to the AOIs at fault."""
    return {it.column: [offender.aoi for offender in it.offenders] for it in report.results if not it.success}


def checked(root: Path) -> Report:
    return run_validation(root, LAYOUT.sources(root), LAYOUT, params().validation)


def test_sound_data_passes(tmp_path: Path) -> None:
    report = checked(world(tmp_path))
    assert failed(report) == {}
    assert report.ok


def paint(root: Path, town: int, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(root / f"Town {town}" / "masks" / "part.png")


def write(path: Path, text: str) -> None:
    path.write_text(text)


def strange(root: Path) -> None:
    pixels = labels(2)
    pixels[:20, :50] = (9, 9, 9)
    paint(root, 2, pixels)


def rimmed(root: Path) -> None:
    """A third of the image in colours that are each rare: 40 to a colour of 27,648."""
    pixels = labels(2)
    pixels[:32] = np.repeat(np.arange(77), 40)[: 32 * SIDE].reshape(32, SIDE, 1)
    paint(root, 2, pixels)


DAMAGES: dict[str, tuple[Callable[[Path], None], dict[str, list[str]], bool]] = {
    "a damaged label image": (
        lambda root: write(root / "Town 2" / "masks" / "part.png", "no"),
        {"readable": ["Town_2-part"]},
        False,
    ),
    "labels of another size": (lambda root: paint(root, 2, labels(2)[:90]), {"size_fits": ["Town_2-part"]}, False),
    "a colour that is no class": (
        strange,
        {"foreign_everywhere": ["Town_2-part"], "unknown_fraction": ["Town_2-part"]},
        False,
    ),
    "blended rims": (rimmed, {"unknown_fraction": ["Town_2-part"]}, True),
    "one class alone": (
        lambda root: paint(root, 2, np.full_like(labels(2), SEA)),
        {"n_classes": ["Town_2-part"]},
        True,
    ),
    "the labels of another image": (lambda root: paint(root, 2, labels(1)), {"duplicate_of": ["Town_2-part"]}, True),
    "a file of classes that is none": (
        lambda root: write(root / "classes.json", "{"),
        {"readable": ["Town_1-part", "Town_2-part", "Town_3-part"]},
        False,
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_named_and_nothing_else(damage: str, tmp_path: Path) -> None:
    harm, found, ok = DAMAGES[damage]
    root = world(tmp_path)
    harm(root)
    report = checked(root)
    assert failed(report) == found
    assert report.ok is ok


def test_tiles_of_classes_pass_and_maps_must_count_every_pixel(tmp_path: Path) -> None:
    root, known = world(tmp_path / "data"), params()
    scenes = ingest(root, LAYOUT.sources(root), LAYOUT, known.split, tmp_path / "scenes")
    write_tiles(scenes.images_in(root), scenes, known.split, TILING, TARGET, tmp_path / "tiles")
    store = TileStore(tmp_path / "tiles")
    facts = {"tiles": tile_facts(scenes, store, TARGET), "regions": region_facts(scenes, store)}
    assert failed(judge_tables(facts, tile_suites(known.validation, known.split, TILING))) == {}

    grid, names = Grid.nowhere(SIDE, SIDE), ("sand", "sea")
    aois = sorted(store.columns(PREDICTED))
    maps = {aoi: (labels(int(aoi[5]))[..., 0] == SEA[0]).astype(np.uint8) for aoi in aois}
    tables = [count_map(maps[aoi], names, grid).assign(aoi=aoi, time=UNDATED) for aoi in aois]
    found = LAND_USE_OUTPUT.table.check(pd.concat(tables, ignore_index=True))
    usual = known.model_copy(update={"predict": known.predict.model_copy(update={"splits": PREDICTED})})
    LAND_USE_OUTPUT.write(tmp_path / "out", found, dict.fromkeys(aois, grid))
    report, _ = validate_outputs(usual, known.output, scenes, store, tmp_path / "out")
    assert failed(report) == {}
    LAND_USE_OUTPUT.write(
        tmp_path / "out", found.assign(pixels=found["pixels"] - (found.index == 0)), dict.fromkeys(aois, grid)
    )
    report, _ = validate_outputs(usual, known.output, scenes, store, tmp_path / "out")
    assert failed(report) == {"pixels_off": [aois[0]]}


def test_a_class_that_the_file_does_not_have_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    root, known = world(tmp_path / "data"), params()
    scenes = ingest(root, LAYOUT.sources(root), LAYOUT, known.split, tmp_path / "scenes")
    other = target_of(TargetParams.model_validate({"kind": "classes", "classes": {"names": ("sand", "Sea")}}))
    with raises(TableError, "tiles.unknown-class", "Sea", "sea"):
        write_tiles(scenes.images_in(root), scenes, known.split, TILING, other, tmp_path / "tiles")


def test_an_image_without_a_known_pixel_is_not_labelled(tmp_path: Path) -> None:
    root = world(tmp_path / "data")
    clear = np.zeros((SIDE, SIDE, 4), np.uint8)
    Image.fromarray(clear).save(root / "Town 2" / "masks" / "part.png")
    scenes = ingest(root, LAYOUT.sources(root), LAYOUT, params().split, tmp_path / "scenes")
    assert scenes.frames.set_index("aoi")["labelled"].to_dict() == {
        "Town_1-part": True, "Town_2-part": False, "Town_3-part": True,
    }  # fmt: skip
