"""All trackers on a town whose truth is known: what a network without a fault would score."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.special import expit
from shapely import unary_union
from shapely.affinity import translate
from shapely.geometry import box

from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.core.schemas import TRACKS
from sn7ml.metrics.aoi import AoiScot
from sn7ml.metrics.diagnosis import diagnose
from sn7ml.metrics.scot import score_scot
from sn7ml.outputs.tracks import track_buildings
from tests.outputs.tracking.drawings import SEEN_PERFECTLY, Method, cube_of, perfect, track_params

SIDE_PX = 120
MONTHS = 12
HOUSES = [box(col, row, col + 4, row + 3) for row, col in itertools.product(range(2, 114, 6), range(2, 110, 8))]
HOUSES += [
    box(col + 4, row, col + 6, row + 3) for row, col in itertools.product(range(2, 114, 12), range(2, 110, 16))
]  # touch
BIRTH = [number % 9 + 1 if number % 5 == 0 else 0 for number in range(len(HOUSES))]


SECOND_MONTH, LAST_BUT_TWO = 1, MONTHS - 3
METHODS: tuple[Method, ...] = ("changepoint", "collapse", "baseline")


def town(under_cloud: set[int], birth: Sequence[int] = BIRTH) -> tuple[Mapping[str, Probabilities], pd.DataFrame]:
    """Return perfect probabilities at 3x and the truth; clouds hide the western half in the months given."""
    frames, rows = [], []
    for month in range(MONTHS):
        alive = [born <= month for born in birth]
        ids = burn_ids(
            [house if lives else box(0, 0, 0, 0) for house, lives in zip(HOUSES, alive, strict=True)], (SIDE_PX,) * 2, 3
        )
        usable = np.ones(ids.shape, dtype=bool)
        usable[:, : 180 if month in under_cloud else 0] = False
        frames.append(perfect(ids * usable, usable))
        seen = [house.bounds[0] >= 60 or month not in under_cloud for house in HOUSES]
        rows += [
            {"aoi": "town", "time": f"2018-{month + 1:02d}", "id": str(number), "geometry": HOUSES[number]}
            for number in range(len(HOUSES))
            if alive[number] and seen[number]
        ]
    return cube_of(frames), pd.DataFrame(rows)


def score(truth: pd.DataFrame, found: pd.DataFrame) -> AoiScot:
    return score_scot(truth, found.assign(aoi="town")).aois["town"]


FITTED = {"levels_worth": 20.0}
"""As in params.yaml."""

CLOUDS = pytest.mark.parametrize("under_cloud", [set(), {0}, {3, 4}], ids=["clear", "cloud first", "cloud in between"])


@CLOUDS
def test_collapse_finds_all_of_a_town_from_perfect_probabilities(under_cloud: set[int]) -> None:
    cube, truth = town(under_cloud)
    tracks = track_buildings(cube, 3, track_params("collapse"))
    result = score(truth, tracks)
    assert (result.mm, result.track_fn, result.change_fn) == (0, 0, 0)
    assert result.combo_score >= 0.97
    assert tracks["id"].nunique() == len(HOUSES) > 300


@pytest.mark.parametrize("births", [FITTED, SEEN_PERFECTLY], ids=["fitted levels", "levels of perfect series"])
@CLOUDS
def test_changepoint_scores_at_least_97_from_perfect_probabilities(
    under_cloud: set[int], births: dict[str, float]
) -> None:
    cube, truth = town(under_cloud)
    result = score(truth, track_buildings(cube, 3, track_params("changepoint", births=births)))
    assert result.mm == 0
    assert result.combo_score >= 0.97


@CLOUDS
def test_changepoint_finds_all_of_a_town_with_levels_that_suit_perfect_probabilities(under_cloud: set[int]) -> None:
    cube, truth = town(under_cloud)
    result = score(truth, track_buildings(cube, 3, track_params("changepoint", births=SEEN_PERFECTLY)))
    assert (result.mm, result.track_fn, result.change_fn) == (0, 0, 0)


@pytest.mark.parametrize("births", [FITTED, SEEN_PERFECTLY], ids=["fitted levels", "levels of perfect series"])
@pytest.mark.parametrize("month", [SECOND_MONTH, LAST_BUT_TWO], ids=["second month", "last but two"])
def test_changepoint_finds_births_at_both_ends_of_the_series(month: int, births: dict[str, float]) -> None:
    cube, truth = town(set(), [month if number % 5 == 0 else 0 for number in range(len(HOUSES))])
    result = score(truth, track_buildings(cube, 3, track_params("changepoint", births=births)))
    assert result.change_tp > 60
    assert result.combo_score >= 0.97


def test_the_baseline_follows_perfect_probabilities_too() -> None:
    cube, truth = town(set())
    assert score(truth, track_buildings(cube, 3, track_params("baseline"))).combo_score >= 0.97


@pytest.mark.parametrize("method", ["changepoint", "collapse"])
def test_outlines_that_breathe_cost_the_baseline_false_births_and_the_others_none(method: Method) -> None:
    cube, truth = town(set())
    breathing = {month: _thinner(image) if index % 2 else image for index, (month, image) in enumerate(cube.items())}
    kept = score(truth, track_buildings(breathing, 3, track_params(method, births=SEEN_PERFECTLY)))
    baseline = score(truth, track_buildings(breathing, 3, track_params("baseline", min_iou=0.75)))
    assert (kept.change_fp, kept.change_fn) == (0, 0)
    assert baseline.change_fp > 300  # nearly every house gets a second id in the first thin month


def _thinner(image: Probabilities) -> Probabilities:
    """Take a third of a pixel off every footprint: IoU with the whole is at most 0.72."""
    footprint, boundary, contact = image.channels
    return Probabilities(np.stack([ndimage.minimum_filter(footprint, 3), boundary, contact]), image.usable)


@pytest.mark.parametrize("method", METHODS)
def test_tracks_are_a_tracks_table_once_the_aoi_is_known(method: Method) -> None:
    cube, _ = town(set())
    table = TRACKS.check(track_buildings(cube, 3, track_params(method)).assign(aoi="town"))
    assert table["confidence"].between(0, 1).all()
    assert all(geometry.is_valid for geometry in table["geometry"])


@pytest.mark.parametrize("method", METHODS)
def test_an_id_is_text_and_stands_for_one_building_with_one_birth(method: Method) -> None:
    cube, _ = town({3})
    tracks = track_buildings(cube, 3, track_params(method))
    assert all(isinstance(name, str) for name in tracks["id"])
    assert not tracks.duplicated(["time", "id"]).any()
    assert (tracks.groupby("id")["birth_month"].nunique() == 1).all()
    assert (tracks["birth_month"] <= tracks["time"]).all()
    assert tracks["birth_month"].isin(list(cube)).all()
    assert tracks["time"].is_monotonic_increasing


@pytest.mark.parametrize("method", METHODS)
def test_outlines_of_one_month_do_not_overlap(method: Method) -> None:
    cube, _ = town({3})
    tracks = track_buildings(cube, 3, track_params(method))
    for _, month in tracks.groupby("time"):
        assert month["geometry"].map(lambda outline: outline.area).sum() == pytest.approx(
            unary_union(month["geometry"].tolist()).area
        )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("months", [0, 1, 2])
def test_few_months_and_none_are_tracked_by_all(method: Method, months: int) -> None:
    cube, _ = town(set())
    tracks = track_buildings(dict(itertools.islice(cube.items(), months)), 3, track_params(method))
    assert tracks["time"].nunique() == months
    assert tracks.columns.tolist() == [name for name in TRACKS.empty().columns if name != "aoi"]


def seen_badly(truth_month: Sequence[int], seed: int) -> Mapping[str, Probabilities]:
    """Return what a detector makes of the town that blurs by 0.7 px, flickers, and sees young roofs worse."""
    rng = np.random.default_rng(seed)
    ids = burn_ids(HOUSES, (SIDE_PX,) * 2, 3)
    usual, birth = rng.normal(1.0, 0.8, len(HOUSES)), np.array(truth_month)
    frames = []
    for month in range(MONTHS):
        young = np.where(birth > 0, np.clip(birth + 1 - month, 0, 1), 0)
        odds = np.where(birth <= month, usual + rng.normal(0, 1.2, len(HOUSES)) - young, -9)
        houses = ndimage.gaussian_filter(np.append(0, expit(odds))[ids], 2)
        ground = expit(-5.5 + 2 * ndimage.gaussian_filter(rng.normal(size=ids.shape), 4) * 14)
        footprint = ((1 - (1 - houses) * (1 - ground)) * 255).round().astype(np.uint8)
        nothing = np.zeros_like(footprint)
        frames.append(Probabilities(np.stack([footprint, nothing, nothing]), np.ones(ids.shape, dtype=bool)))
    return cube_of(frames)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_four_of_five_births_that_a_bad_detector_shows_are_right_to_a_month(seed: int) -> None:
    _, truth = town(set())
    tracks = track_buildings(seen_badly(BIRTH, seed), 3, track_params("changepoint", births=FITTED))
    births = diagnose({"town": score(truth, tracks)}).births
    found = births[births["outcome"].isin(["found", "late", "early", "misplaced"])]
    assert len(found) > 40
    assert (found["months_late"].abs() <= 1).mean() >= 0.8


@pytest.mark.parametrize("method", METHODS)
def test_labels_beside_what_is_seen_are_found_where_they_are(method: Method) -> None:
    seen, truth = town(under_cloud=set())
    labels = truth.assign(geometry=[translate(house, -2.0, 1.0) for house in truth["geometry"]])
    params = track_params(method)
    beside = score(labels, track_buildings(seen, 3, params))
    moved = score(labels, track_buildings(seen, 3, params.model_copy(update={"shift_x_px": -2.0, "shift_y_px": 1.0})))
    assert moved.combo_score == score(truth, track_buildings(seen, 3, params)).combo_score > 0.9
    assert beside.track_score < moved.track_score
