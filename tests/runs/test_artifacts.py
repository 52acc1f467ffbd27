"""What is read back of a run's files is what the stages wrote."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pandas.testing import assert_frame_equal

from sn7ml.core.errors import StoreError
from sn7ml.report.maps.overlays import from_png
from sn7ml.runs.artifacts import RunFiles
from sn7ml.runs.leaderboard import read_run
from sn7ml.runs.runs import Run
from sn7ml.runs.store import Store
from tests.raising import raises
from tests.report.drawn import LOSSES
from tests.runs.scored import SCORES, grey, scored_run, training_run, trial_run


def files_of(store: Store, run: Run) -> RunFiles:
    return RunFiles(store, read_run(store, run.run_id))


def test_tables_come_back_as_they_were(store: Store) -> None:
    found = files_of(store, scored_run(store, 0.3)).table("losses")
    assert_frame_equal(found, LOSSES, check_dtype=False)


def test_a_trial_has_its_tables_of_the_validation_split_and_no_diagnosis(store: Store) -> None:
    files = files_of(store, trial_run(store, 0.3))
    assert files.table("per_aoi")["scot"].tolist() == pytest.approx([0.2, 0.4])
    assert files.table("losses").empty


def test_overlays_are_found_by_area_and_step_and_nothing_else_is(store: Store) -> None:
    run = scored_run(store, 0.3)
    for key, step, brightness in (
        ("overlay_L15_b", 10, 1),
        ("overlay_L15_b", 2, 2),
        ("overlay_a", 0, 3),
        ("diagnosis", 0, 4),
    ):
        run.log_image(key, step, grey(brightness))
    found = files_of(store, run).overlays()
    assert list(found) == [("L15_b", 2), ("L15_b", 10), ("a", 0)]
    np.testing.assert_array_equal(from_png(found["a", 0]), grey(3))


def test_curves_have_a_row_per_epoch(store: Store) -> None:
    table = files_of(store, scored_run(store, 0.3)).curves()
    assert list(table) == ["epoch", "train_loss", "val_loss", "val_score", "lr"]
    assert table[["epoch", "train_loss", "val_score"]].to_numpy().tolist() == [[1, 0.9, 0.3], [2, 0.7, 0.5]]


def test_older_runs_compared_epochs_by_pixel_iou_and_a_score_of_that_name_is_no_point_of_it(store: Store) -> None:
    with training_run(store, name="old", tags={}, params={}) as run:
        run.log_epoch(1, {"val_loss": 0.8, "val_iou": 0.3, "val_f1": 0.4})
        run.log_epoch(2, {"val_loss": 0.6, "val_iou": 0.5, "val_f1": 0.6})
    run.log_scores(SCORES, {"iou": 0.9}, pd.DataFrame({"aoi": ["a"]}), "validation", 2)
    assert files_of(store, run).curves()["val_score"].tolist() == [0.3, 0.5]


def test_the_tracker_that_was_scored_comes_under_dotted_keys(store: Store, tmp_path: Path) -> None:
    run = scored_run(store, 0.3)
    assert files_of(store, run).output_params() == {}
    (tmp_path / "best.yaml").write_text(yaml.safe_dump({"method": "collapse", "collapse": {"min_mean": 0.25}}))
    run.log_file(tmp_path / "best.yaml", "tracker")
    assert files_of(store, run).output_params() == {
        "output.tracks.method": "collapse",
        "output.tracks.collapse.min_mean": 0.25,
    }


def test_a_run_without_files_has_none(store: Store) -> None:
    with training_run(store, name="bare", tags={}, params={}) as run:
        pass
    files = files_of(store, run)
    assert (files.overlays(), files.output_params()) == ({}, {})
    assert files.table("per_aoi").empty
    assert files.curves().empty


def test_a_file_that_is_gone_is_named(store: Store, project: Path) -> None:
    run = scored_run(store, 0.3)
    files = files_of(store, run)
    shutil.rmtree(project / "mlruns" / "artifacts" / "sn7" / run.run_id)
    with raises(StoreError, "runs.artifact-unreadable", "losses_test.json", run.run_id[:7]):
        files.table("losses")
