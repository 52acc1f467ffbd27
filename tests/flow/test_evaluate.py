"""Scores of cached probabilities whose truth is known."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.core.schemas import TRACKS
from sn7ml.flow.evaluate import Ground, evaluate, read_split_truth
from sn7ml.outputs.probabilities import write_probabilities
from sn7ml.params import EvaluateParams, OutputParams, RimsParams, TargetParams
from sn7ml.targets import target_of
from sn7ml.tasks import task_named
from tests.learn.toy import MONTHS, SHAPE, TARGET, squares, write_store, write_world
from tests.outputs.tracking.drawings import perfect
from tests.scenes import converted
from tests.scenes.converted import write_converted
from tests.sn7_folder import AOI, scenes_of

OUTPUT = OutputParams()

TASK = task_named("buildings_through_time")
EVALUATE = EvaluateParams(splits=("test",), iou_thresholds=(0.25,), pixel_threshold=0.5)


@pytest.mark.usefixtures("serial")
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_pixels_of_a_perfect_model_are_all_right_whatever_its_scale(factor: int, tmp_path: Path) -> None:
    """Houses are squares of whole pixels, the masks are drawn at 3x; an older champion may have another scale."""
    root = write_world(tmp_path / "data")
    tiles, scenes = write_store(root, tmp_path / "tiles", upsampling=3), scenes_of(root)
    columns = tiles.columns(["test"])
    grids = scenes.grids_of([AOI])
    found = perfect(burn_ids(list(squares(SHAPE).values()), SHAPE, factor))
    for month in MONTHS:
        write_probabilities(
            tmp_path / "probabilities" / AOI / f"{month}.tif", found, RimsParams.channels, grids[AOI], factor
        )
    ground = Ground(read_split_truth(scenes, columns), tiles, TARGET, grids)
    scores = evaluate(TASK, TRACKS.empty(), tmp_path / "probabilities", ground, EVALUATE, OUTPUT)
    assert scores.overall["iou"] == 1.0
    assert scores.overall["f1"] == 0.0  # no footprint was given


@pytest.mark.usefixtures("serial")
def test_the_trivial_answers_are_nothing_and_everything(tmp_path: Path) -> None:
    root = write_world(tmp_path / "data")
    tiles, scenes = write_store(root, tmp_path / "tiles"), scenes_of(root)
    columns = tiles.columns(["test"])
    grids = scenes.grids_of([AOI])
    ids = burn_ids(list(squares(SHAPE).values()), SHAPE, 1)
    for month in MONTHS:
        write_probabilities(
            tmp_path / "probabilities" / AOI / f"{month}.tif", perfect(ids), RimsParams.channels, grids[AOI], 1
        )
    ground = Ground(read_split_truth(scenes, columns), tiles, TARGET, grids)
    trivial = evaluate(TASK, TRACKS.empty(), tmp_path / "probabilities", ground, EVALUATE, OUTPUT).trivial
    ((start, stop),) = columns[AOI]
    built = (ids[:, start:stop] > 0).mean()
    assert trivial["nothing found"] == {
        "scot": 0.0,
        "tracking": 0.0,
        "change": 0.0,
        "f1": 0.0,
        "iou": 0.0,
        "pixel_f1": 0.0,
    }
    assert trivial["all building"]["iou"] == pytest.approx(built)
    assert trivial["all building"]["pixel_f1"] == pytest.approx(2 * built / (1 + built))


@pytest.mark.usefixtures("serial")
def test_errors_of_distances_are_in_metres_beside_those_of_trivial_answers(tmp_path: Path) -> None:
    """The model says 0 m everywhere, and was trained to another range than today's masks."""
    params = TargetParams.model_validate({"kind": "distance", "distance": {"clip_m": 2.0}})
    _, scenes, tiles = write_converted(tmp_path, params)
    columns, target = tiles.columns(["test"]), target_of(params)
    half = np.full((1, *SHAPE), CERTAIN / 2, np.float64).round().astype(np.uint8)  # 128: 4 m / 255
    usable = np.ones(SHAPE, bool)
    path = tmp_path / "p" / converted.AOI / "undated.tif"
    write_probabilities(path, Probabilities(half, usable), target.channels, converted.GRID, 1, unit_m=4.0)
    ground = Ground.read(scenes, tiles, columns, target)
    task = task_named("building_distance")
    found = evaluate(task, task.output.table.empty(), tmp_path / "p", ground, EVALUATE, OUTPUT)

    ((start, stop),) = columns[converted.AOI]
    built = burn_ids(list(squares(SHAPE).values()), SHAPE) > 0
    height, width = 0.2996, 0.2430
    inside = ndimage.distance_transform_edt(built, sampling=(height, width)) - width / 2
    outside = ndimage.distance_transform_edt(~built, sampling=(height, width)) - width / 2
    true_m = np.where(built, inside, -outside).clip(-2, 2)[:, start:stop]
    assert found.overall["mae_m"] == pytest.approx(np.abs(4 / 255 - true_m).mean(), abs=0.02)
    assert found.per_aoi["mae_m"].tolist() == [found.overall["mae_m"]]
    assert found.trivial["nothing found"]["mae_m"] == pytest.approx((2 + true_m).mean(), abs=0.02)
    assert found.trivial["all building"]["mae_m"] == pytest.approx((2 - true_m).mean(), abs=0.02)
    assert found.trivial["nothing found"]["built_error"] == 1.0
