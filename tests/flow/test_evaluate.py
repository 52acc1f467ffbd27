"""Scores of cached probabilities whose truth is known."""

from pathlib import Path

import pytest

from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.schemas import TRACKS
from sn7ml.flow.evaluate import read_split_truth, score_tracks
from sn7ml.outputs.probabilities import write_probabilities
from sn7ml.params import EvaluateParams
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.scored_columns import read_grids
from tests.learn.toy import MONTHS, SHAPE, squares, write_store, write_world
from tests.outputs.tracking.drawings import perfect
from tests.sn7_folder import AOI

EVALUATE = EvaluateParams(splits=("test",), iou_thresholds=(0.25,), pixel_threshold=0.5)


@pytest.mark.usefixtures("serial")
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_pixels_of_a_perfect_model_are_all_right_whatever_its_scale(factor: int, tmp_path: Path) -> None:
    """Houses are squares of whole pixels, the masks are drawn at 3x: a champion of other days may have another scale."""
    root = write_world(tmp_path / "data")
    tiles, frames = write_store(root, tmp_path / "tiles", upsampling=3), scan(root)
    columns = tiles.columns(["test"])
    grids = read_grids(root, frames, [AOI])
    found = perfect(burn_ids(list(squares(SHAPE).values()), SHAPE, factor))
    for month in MONTHS:
        write_probabilities(tmp_path / "probabilities" / AOI / f"{month}.tif", found, grids[AOI], factor)
    truth = read_split_truth(root, frames, columns)
    scores = score_tracks(TRACKS.empty(), truth, tiles, tmp_path / "probabilities", grids, EVALUATE)
    assert scores.overall["iou"] == 1.0
    assert scores.overall["f1"] == 0.0  # no footprint was given
