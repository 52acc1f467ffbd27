"""What a validation makes of facts. test_damages shows that every expectation catches what it should."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from sn7ml.core.errors import TableError
from sn7ml.params import load_params
from sn7ml.report.pages.validation import to_markdown
from sn7ml.scenes.layouts.spacenet7 import SPACENET7, scan
from sn7ml.validation.check import same
from sn7ml.validation.facts.outlines import valid_polygons
from sn7ml.validation.gx import expectations, judge
from sn7ml.validation.report import Report, Result
from sn7ml.validation.run import judge_tables, run_validation
from sn7ml.validation.suites import found_suites, suites, tile_suites
from tests.raising import assert_names, raises
from tests.validation.areas import MONTHS, feature, good_area, ground, square, town, truncate
from tests.validation.damages import PARAMS

ROOT = Path(__file__).resolve().parents[2]
SECOND = MONTHS[1]


def failed(report: Report) -> dict[str, Result]:
    return {result.name: result for result in report.failures()}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """Two areas: one with two damaged files, one good."""
    root = tmp_path_factory.mktemp("damaged")
    area = good_area(root)
    area.write_labels(SECOND, [*town(), feature(2, square(40, 40)), feature(9, square(1, -20, 25))])
    area.labels(MONTHS[2]).write_text("not JSON")
    good_area(root, number=1)
    return root, run_validation(root, scan(root), SPACENET7, PARAMS)


def test_an_offender_shows_its_value_and_what_explains_it(damaged: tuple[Path, Report]) -> None:
    caught = failed(damaged[1])
    twice = caught["an id names one building in a frame"].offenders[0]
    assert (twice.value, twice.detail, twice.building) == (1, "duplicate_id: 2", "2")
    not_json = caught["label files can be read"].offenders[0]
    assert not_json.value is False
    assert not_json.detail.startswith("fault: is not JSON")
    outside = caught["buildings stick out of the image by at most 16 px"].offenders[0]
    assert (outside.value, outside.detail) == (20.0, "outside_id: 9")


def test_the_worst_area_comes_first_and_a_good_one_is_not_named(damaged: tuple[Path, Report]) -> None:
    (area,) = damaged[1].aois()
    assert area.aoi.endswith("1327_3160_13")
    assert len(area.critical) == 3
    assert area.months == {SECOND: "critical", MONTHS[2]: "critical"}
    assert damaged[1].n_aois == 2


def test_reports_are_json_without_paths_of_this_machine_and_the_same_each_time(damaged: tuple[Path, Report]) -> None:
    root, report = damaged
    text = json.dumps(report.as_dict(), allow_nan=False)
    assert str(root) not in text + to_markdown(report)
    again = run_validation(root, scan(root), SPACENET7, PARAMS)
    assert again == report
    assert json.dumps(again.as_dict()) == text


def test_the_order_of_the_frames_table_changes_nothing(damaged: tuple[Path, Report]) -> None:
    root, report = damaged
    assert run_validation(root, scan(root).iloc[::-1], SPACENET7, PARAMS) == report


def test_what_is_odd_but_legal_in_spacenet_7_passes(tmp_path: Path) -> None:
    border = ground(0, SECOND)
    border[3, 0] = border[3, :, -1] = 0
    empty = {"type": "Polygon", "coordinates": []}
    hole = {"type": "Polygon", "coordinates": [square(1, 1, 9)["coordinates"][0], square(3, 3, 2)["coordinates"][0]]}
    with_z = {"type": "Polygon", "coordinates": [[[1, 30, 0], [9, 30, 0], [9, 39, 0], [1, 30, 0]]]}
    one_month = good_area(tmp_path, months=[SECOND], images="images")
    one_month.write_image(SECOND, border)
    one_month.write_labels(SECOND, [feature(0, hole), feature(1, with_z), feature(2, square(-4, 50))])
    no_buildings = good_area(tmp_path, number=1, months=[MONTHS[0]])
    no_buildings.write_labels(MONTHS[0], [feature(-1, empty), feature(-1, {"type": "LineString", "coordinates": []})])
    test_area = good_area(tmp_path, number=2, part="test_public")
    for month in MONTHS:
        test_area.labels(month).unlink()
    report = run_validation(tmp_path, scan(tmp_path), SPACENET7, PARAMS)
    assert report.failures() == []
    assert report.summary() == "validation passed: 5 frames, 2 label files, all 52 expectations hold"


def test_a_name_that_the_scorer_cannot_cut_is_critical(tmp_path: Path) -> None:
    # The catalog refuses such names itself; a table of frames may come from elsewhere.
    area = good_area(tmp_path)
    frames = scan(tmp_path)
    other = area.image(SECOND).with_name("2018_02.tif")
    area.image(SECOND).rename(other)
    frames.loc[1, "image"] = other.relative_to(tmp_path).as_posix()
    report = run_validation(tmp_path, frames, SPACENET7, PARAMS)
    assert list(failed(report)) == ["names are SpaceNet 7's"]
    assert not report.ok
    assert f"{area.aoi} 2018-02 train/{area.aoi}/images_masked/2018_02.tif" in report.summary()


def test_a_table_that_is_none_of_facts_is_refused_by_name() -> None:
    with raises(TableError, "table.missing-column", "'frame facts'"):
        judge_tables({"frames": pd.DataFrame({"aoi": ["a"]})}, suites(PARAMS))


def test_an_expectation_that_cannot_be_evaluated_is_a_defect_not_a_verdict() -> None:
    wanted = expectations.ExpectColumnValuesToBeInSet(column="gone", value_set=[1], meta={"name": "gone is 1"})
    with pytest.raises(RuntimeError) as caught:
        judge("suite", pd.DataFrame({"there": [1]}), [wanted])
    assert_names(str(caught.value), "suite", "gone is 1")


def test_thresholds_come_from_params(tmp_path: Path) -> None:
    good_area(tmp_path).write_labels(SECOND, [*town(), feature(9, square(1, -20, 25))])
    lax = PARAMS.model_copy(update={"max_outside_px": 50.0})
    assert not run_validation(tmp_path, scan(tmp_path), SPACENET7, PARAMS).ok
    assert run_validation(tmp_path, scan(tmp_path), SPACENET7, lax).ok


def test_every_expectation_says_why_it_matters_and_what_to_do() -> None:
    params = load_params(ROOT / "params.yaml")
    known = suites(PARAMS) | tile_suites(PARAMS, params.split, params.tiling) | found_suites(PARAMS, "collapse")
    for checks in known.values():
        assert len({check.name for check in checks}) == len(checks)
        for check in checks:
            assert check.why.endswith("."), check.name
            assert check.cure.endswith("."), check.name
            bound = check.bound()
            assert bound.meta["why"] == check.why
            assert bound.severity == check.severity


def test_a_tracker_that_promises_no_outline_is_not_held_to_one() -> None:
    promised, free = (
        {check.name for check in found_suites(PARAMS, method)["tracks"]} for method in ("changepoint", "baseline")
    )
    assert promised - free == {"a building keeps its outline"}


def unmet(wanted: Any, table: Mapping[str, Sequence[Any]]) -> list[int]:
    result = judge("own", pd.DataFrame(table), [wanted.copy(update={"meta": {"name": "it"}})])["it"].result
    return sorted(result.get("unexpected_index_list") or [])


def test_polygons_are_valid_only_if_they_are_polygons_that_do_not_cross_themselves() -> None:
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    shapes = [
        shapely.box(0, 0, 1, 1),
        bow_tie,
        None,
        shapely.Point(1, 1),
        shapely.Polygon(),
        shapely.MultiPolygon([bow_tie]),
    ]
    assert valid_polygons(np.array(shapes, dtype=object)).tolist() == [True, False, False, False, False, False]


def test_a_row_that_lacks_either_of_two_columns_is_not_judged() -> None:
    table: dict[str, list[str | None]] = {"usual": ["x", "x", None, "x"], "it": ["x", "y", "y", None]}
    assert unmet(same("it", "usual"), table) == [1]


@pytest.mark.slow
@pytest.mark.real
def test_the_real_areas_pass_with_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ROOT.parent / "shared" / "data" / "sn7"
    if not real.is_dir():
        pytest.skip("needs the real SpaceNet 7 area in ../shared/data/sn7")
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes")
    params = load_params(ROOT / "configs" / "one-area.yaml").validation
    # One of them is cut at column 480, which is all that is wrong with it.
    report = run_validation(real, scan(real), SPACENET7, params.model_copy(update={"sides_px": (480, 1024)}))
    assert report.failures() == []
    assert report.rows == {"frames": 51, "labels": 51, "identity": 51}


def test_a_truncated_file_is_blamed_once(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    truncate(area.image(SECOND))
    report = run_validation(tmp_path, scan(tmp_path), SPACENET7, PARAMS)
    assert list(failed(report)) == ["images can be read to the end"]
