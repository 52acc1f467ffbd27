"""Brightness of 16 bits becomes bytes by what networks learn on, city by city, and as the params ask for it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from sn7ml.core.errors import ParamsError, RasterError
from sn7ml.params import ModelImages, SplitParams, StretchParams
from sn7ml.scenes.conversion import STRETCH_FILE, convert_image, stretches_like
from sn7ml.scenes.images import read_image
from sn7ml.scenes.ingest import Scenes, ingest
from sn7ml.scenes.layouts.pairs import PAIRS
from sn7ml.scenes.raw_images import open_geotiff_image
from sn7ml.scenes.splits import assign_regions
from tests.raising import items_fail, raises

pytestmark = pytest.mark.usefixtures("serial")

SPLIT = SplitParams(folds=1, validation_fraction=0.2, test_fraction=0.34, gap_px=8, neighbour_tiles=0, seed=7)
COLUMNS = SPLIT.model_copy(update={"validation_by": "columns", "test_aois": ("*3",)})
"""The third scene of each city is tested; of all others, the last columns validate."""

DARK = np.random.default_rng(7).integers(50, 500, (3, 64, 160)).astype(np.uint16)
BRIGHT = 4 * DARK
LEARNED = slice(0, 160 - 32 - 8)
"""By ``COLUMNS``: but for a fifth, and a gap before it."""

LOW, HIGH = StretchParams().low_percent, StretchParams().high_percent


def write(root: Path, scenes: Mapping[str, NDArray[np.uint16]], labelled: bool = True) -> Path:
    """Write scenes ``<city>/<name>``, each far from all others, with labels of no building."""
    for place, (name, pixels) in enumerate(scenes.items()):
        path = root / f"{name}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        transform = Affine(0.5, 0, 400_000 + 2_000 * place, 0, -0.5, 4_000_000)
        options = {"count": 3, "height": pixels.shape[1], "width": pixels.shape[2], "dtype": "uint16"}
        with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32611", transform=transform, **options) as target:
            target.write(pixels)
        if labelled:
            path.with_suffix(".geojson").write_text('{"type": "FeatureCollection", "features": []}')
    return root


def converted(
    root: Path, out: Path, split: SplitParams = SPLIT, by: Literal["part", "all", "scene"] = "part"
) -> Scenes:
    return ingest(root, PAIRS.sources(root), PAIRS, split, out, StretchParams(by=by))


def stretch_in(scenes: Scenes) -> dict[str, dict[str, object]]:
    content: dict[str, dict[str, object]] = json.loads((scenes.folder / STRETCH_FILE).read_text())
    return content


def percentiles(*pixels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return black and white of each colour: (2, 3)."""
    every = np.concatenate([each.reshape(3, -1) for each in pixels], axis=1)
    return np.asarray(np.percentile(every, [LOW, HIGH], axis=1))


def plain(ends: NDArray[np.float64]) -> dict[str, object]:
    return {name: pytest.approx(end.tolist(), abs=1e-3) for name, end in zip(("low", "high"), ends, strict=True)}


def stretched(pixels: NDArray[np.uint16], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = ends[:, :, None, None]
    return np.asarray(1 + 254 * ((pixels - low) / (high - low)).clip(0, 1))


def pixels_of(scenes: Scenes, aoi: str) -> NDArray[np.uint8]:
    """Return red, green and blue."""
    return read_image(scenes.folder / "images" / aoi / "undated.tif").pixels[:3]


CITIES = {f"{city}/{city}{n}": pixels for city, pixels in (("bright", BRIGHT), ("dark", DARK)) for n in (1, 2, 3)}


@pytest.mark.parametrize("count", [1, 6], ids=["columns", "scenes"])
def test_what_is_not_learned_on_says_nothing_of_the_stretch(tmp_path: Path, count: int) -> None:
    before = converted(write(tmp_path / "data", {f"s{place}": DARK for place in range(count)}), tmp_path / "before")
    regions = assign_regions(before.frames, SPLIT)
    learned = {f"s{place}": np.zeros(DARK.shape[2], np.bool_) for place in range(count)}
    for row in regions[regions["split"] == "train"].to_dict("records"):
        learned[row["aoi"]][row["col_start"] : row["col_stop"]] = True
    assert 0 < np.mean([*learned.values()]) < 0.6
    for kept, changed in ((np.bool_(True), "others"), (np.bool_(False), "learned")):
        scenes = {aoi: np.where(columns == kept, DARK, 3 * DARK).astype(np.uint16) for aoi, columns in learned.items()}
        after = converted(write(tmp_path / changed, scenes), tmp_path / f"after-{changed}")
        assert (stretch_in(after) == stretch_in(before)) == (changed == "others")


def test_each_city_has_its_own_stretch(tmp_path: Path) -> None:
    scenes = converted(write(tmp_path / "data", CITIES), tmp_path / "scenes", COLUMNS)
    ends = {"bright": percentiles(BRIGHT[:, :, LEARNED]), "dark": percentiles(DARK[:, :, LEARNED])}
    assert stretch_in(scenes) == {city: plain(each) for city, each in ends.items()}
    assert np.abs(pixels_of(scenes, "dark3") - stretched(DARK, ends["dark"])).max() < 0.51
    np.testing.assert_array_equal(pixels_of(scenes, "dark3"), pixels_of(scenes, "bright3"))


def test_one_stretch_for_all_leaves_the_dark_city_dark(tmp_path: Path) -> None:
    scenes = converted(write(tmp_path / "data", CITIES), tmp_path / "scenes", COLUMNS, "all")
    ends = percentiles(BRIGHT[:, :, LEARNED], DARK[:, :, LEARNED])
    assert stretch_in(scenes) == {"": plain(ends)}
    for aoi, pixels in (("dark3", DARK), ("bright3", BRIGHT)):
        assert np.abs(pixels_of(scenes, aoi) - stretched(pixels, ends)).max() < 0.51


def test_scenes_that_are_stretched_by_themselves_look_alike(tmp_path: Path) -> None:
    scenes = converted(write(tmp_path / "data", CITIES), tmp_path / "scenes", COLUMNS, "scene")
    assert stretch_in(scenes) == {"": {"low_percent": LOW, "high_percent": HIGH}}
    for aoi in ("dark1", "bright1"):
        assert np.abs(pixels_of(scenes, aoi) - stretched(DARK, percentiles(DARK))).max() < 0.51


def test_a_city_that_nobody_learns_on_needs_a_stretch_that_is_named(tmp_path: Path) -> None:
    root = write(tmp_path / "data", CITIES | {"far/far1": DARK, "far/far2": DARK})
    split = COLUMNS.model_copy(update={"test_aois": ("far*",)})
    fault = (RasterError, "image.no-stretch", "'far'", ["bright", "dark"])
    with items_fail({f"far{n} undated": (*fault, f"far{n}.tif") for n in (1, 2)}):
        converted(root, tmp_path / "scenes", split)
    assert list(stretch_in(converted(root, tmp_path / "all", split, "all"))) == [""]


def images_of(stretch: Mapping[str, Mapping[str, object]]) -> ModelImages:
    content = {"stretch": stretch, "pixel_height_m": [0.5, 0.5], "pixel_width_m": [0.5, 0.5]}
    return ModelImages.model_validate_json(json.dumps(content))


@pytest.mark.parametrize("by", ["part", "all", "scene"])
def test_images_are_stretched_for_a_model_as_they_were_for_its_training(
    tmp_path: Path, by: Literal["part", "all", "scene"]
) -> None:
    root = write(tmp_path / "data", CITIES)
    scenes = converted(root, tmp_path / "scenes", COLUMNS, by)
    how, stretches, _ = stretches_like(images_of(stretch_in(scenes)), {"bright", "dark"}, None)
    assert how.by == by
    for row in PAIRS.sources(root).to_dict("records"):
        path = convert_image(root, open_geotiff_image, how, stretches, tmp_path / "again", row)
        np.testing.assert_array_equal(read_image(tmp_path / "again" / path).pixels[:3], pixels_of(scenes, row["aoi"]))


def part(low: float) -> dict[str, object]:
    return {"low": (low,) * 3, "high": (500.0,) * 3}


def test_the_stretch_of_one_part_of_the_training_is_used_if_it_is_named_or_the_only_one() -> None:
    two = images_of({"bright": part(2.0), "dark": part(1.0)})
    for images, name in ((two, "dark"), (images_of({"dark": part(1.0)}), None)):
        how, stretches, _ = stretches_like(images, {"elsewhere"}, name)
        assert how.by == "all"
        assert [it.low for it in stretches.values()] == [(1.0, 1.0, 1.0)]
    for name, told in ((None, "elsewhere"), ("darkest", "darkest")):
        with raises(ParamsError, "options.stretch", ["bright", "dark"], told):
            stretches_like(two, {"elsewhere"}, name)
