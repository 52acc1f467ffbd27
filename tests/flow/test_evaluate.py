"""Scores of cached probabilities whose truth is known."""

from pathlib import Path

import pytest

from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.schemas import TRACKS
from sn7ml.flow.evaluate import Ground, evaluate, read_split_truth
from sn7ml.outputs.probabilities import write_probabilities
from sn7ml.params import EvaluateParams, RimsParams
from sn7ml.tasks import task_named
from tests.learn.toy import MONTHS, SHAPE, TARGET, squares, write_store, write_world
from tests.outputs.tracking.drawings import perfect
from tests.sn7_folder import AOI, scenes_of

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
    scores = evaluate(TASK, TRACKS.empty(), tmp_path / "probabilities", ground, EVALUATE)
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
    trivial = evaluate(TASK, TRACKS.empty(), tmp_path / "probabilities", ground, EVALUATE).trivial
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
