"""The made-up neighbourhood of the pictures in docs/tracking.md: what it shows holds for the params in params.yaml."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import draw_tracking
from benchmarks.draw_tracking import (
    CASES,
    MONTHS,
    NEVER,
    ROOT,
    UPSAMPLING,
    Neighbourhood,
    cases,
    follow,
    row_of_houses,
    variants,
    ways,
)
from sn7ml.metrics.aoi import AoiScot
from sn7ml.metrics.scot import score_scot
from sn7ml.outputs.tracking.evidence import candidate_series
from sn7ml.outputs.tracking.instances import find_instances
from sn7ml.params import load_params

TRACK = load_params(ROOT / "params.yaml").output.of_tracks()


@cache
def town() -> Neighbourhood:
    return Neighbourhood()


@cache
def scored(name: str) -> AoiScot:
    return score_scot(town().truth(), follow(town(), variants(TRACK)[name])).aois[draw_tracking.AOI]


def test_every_case_is_decided_as_it_was_drawn() -> None:
    shown = {case.title: case for case in cases(town(), TRACK.changepoint.births)}
    assert {title: case.birth for title, case in shown.items()} == {title: case.truth for title, case in shown.items()}
    assert [case.truth for case in shown.values()][:5] == [
        8,
        14,
        0,
        NEVER,
        14,
    ]  # the last: built in 12, seen first in 14
    assert [case.verdict.startswith("declared born") for case in shown.values()] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]


def test_neighbours_make_the_house_of_the_street_surer() -> None:
    *alone, street = cases(town(), TRACK.changepoint.births)
    assert street.alone is not None
    assert street.posterior[street.birth] > street.alone[street.birth]
    assert all(case.alone is None for case in alone)


def test_posteriors_add_up_and_months_under_cloud_have_none() -> None:
    for case in cases(town(), TRACK.changepoint.births):
        assert case.posterior.sum() == pytest.approx(1)
        hidden = np.flatnonzero(np.isnan(case.series))
        assert not case.posterior[hidden[hidden > 0]].any()


def test_a_house_built_under_cloud_is_born_in_truth_when_it_is_first_seen() -> None:
    truth = town().truth()
    hidden = truth[truth["id"] == f"t{list(CASES).index('built under cloud') + 1}"]
    assert set(hidden["birth_month"]) == {hidden["time"].min()} == {MONTHS[14]}


def test_nothing_is_true_of_what_is_never_built() -> None:
    never = {f"t{number}" for number, house in enumerate(town().houses, 1) if house.birth == NEVER}
    assert len(never) == 11
    assert not never & set(town().truth()["id"])


def test_the_detector_sees_ground_and_houses_with_these_log_odds() -> None:
    series = candidate_series(town().cube, town().ids).probabilities
    odds = np.log((series + 1 / 256) / (1 - series + 1 / 256))[:, town().birth < NEVER]
    stands = np.arange(len(MONTHS))[:, np.newaxis] >= town().birth[town().birth < NEVER]
    assert [round(float(np.nanmean(odds[which])), 1) for which in (~stands, stands)] == [-4.4, -0.1]
    assert [round(float(np.nanstd(odds[which])), 1) for which in (~stands, stands)] == [0.6, 1.0]


def test_the_fitted_change_finds_more_births_than_the_others_and_fewer_false_ones() -> None:
    ours, collapse, baseline = (scored(name) for name in ("changepoint", "collapse", "baseline"))
    assert ours.change_score > 1.4 * max(collapse.change_score, baseline.change_score)
    assert ours.change_fp < min(collapse.change_fp, baseline.change_fp)
    assert ours.combo_score > collapse.combo_score > baseline.combo_score


def test_peaks_find_every_house_of_the_row_and_no_pair_of_thresholds_does() -> None:
    image, houses = row_of_houses()
    _, (*_, peaks) = ways(image, TRACK)
    assert peaks.ids.max() == len(houses) == 8
    counts = []
    for seed in np.linspace(0.04, 0.96, 24):
        for share in (0.3, 0.6, 1.0):
            pair = {"seed_threshold": float(seed), "flood_threshold": float(share * seed)}
            params = TRACK.instances.model_copy(update=pair)
            counts.append(find_instances(image.channels, image.usable, params, UPSAMPLING).max())
    assert max(counts) == 7


def test_every_seed_lies_in_its_own_building() -> None:
    image, houses = row_of_houses()
    _, (*_, peaks) = ways(image, TRACK)
    assert len(np.unique(peaks.ids[peaks.seeds])) == len(houses)
    assert peaks.ids[peaks.seeds].all()


def test_the_command_writes_three_pictures_and_prints_the_scores_of_every_tracker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_tracking", str(tmp_path / "new")])
    draw_tracking.main()
    written = {}
    for path in (tmp_path / "new").iterdir():
        with Image.open(path) as picture:
            written[path.name] = picture.size
    assert set(written) == {"tracking_series.png", "tracking_births.png", "tracking_peaks.png"}
    assert all(width > 1000 for width, _ in written.values())
    printed = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert [name for name, *_ in printed] == list(variants(TRACK))
    for name, scot, tracking, change, births in printed:
        aoi = scored(name)
        assert [float(scot), float(tracking), float(change)] == pytest.approx(
            [aoi.combo_score, aoi.track_score, aoi.change_score], abs=0.005
        )
        assert births == f"{aoi.change_tp} / {aoi.change_fp} / {aoi.change_fn}"
