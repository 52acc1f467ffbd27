"""Every expectation holds where it should, and catches what it is meant to catch, by name. Loads Great Expectations."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from affine import Affine

from sn7ml.data.catalog import scan
from sn7ml.data.facts import FRAME_FACTS, LABEL_FACTS, frame_facts, label_facts
from sn7ml.errors import TableError
from sn7ml.params import ValidationParams
from sn7ml.validation.gx import expectations, judge
from sn7ml.validation.report import Report, Result, to_markdown
from sn7ml.validation.run import run_validation, validate
from sn7ml.validation.suites import suites
from tests.validation.areas import MONTHS, SIDE_PX, Area, feature, good_area, name, square, town, transform_of, truncate

PARAMS = ValidationParams(
    sides_px=(32, 1024), min_usable_fraction=0.5, max_small_fraction=0.5, max_birth_fraction=0.5, max_outside_px=16.0
)
SECOND = MONTHS[1]
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [9, 9], [9, 0], [0, 9], [0, 0]]]}
POINT = {"type": "Point", "coordinates": [1, 2]}

CRITICAL = {
    "every label month has an image",
    "names are SpaceNet 7's",
    "images can be read to the end",
    "images have 4 bands",
    "images are uint8",
    "images are in EPSG:3857",
    "images have 32 to 1024 rows",
    "images have 32 to 1024 cols",
    "images are north up with square pixels",
    "all months of an AOI share one grid",
    "label files can be read",
    "an id names one building in a frame",
    "buildings stick out of the image by at most 16 px",
    "there are frames",
    "there are labels",
}


def solid(bands: int = 4, rows: int = SIDE_PX, cols: int = SIDE_PX, dtype: str = "uint8") -> Any:
    return np.full((bands, rows, cols), 255, dtype)


def clouded() -> Any:
    pixels = solid()
    pixels[3, : SIDE_PX // 2 + 1] = 0
    return pixels


def only(*rows: Any) -> Callable[[Area], None]:
    return lambda area: area.write_labels(SECOND, rows)


def add(*rows: Any) -> Callable[[Area], None]:
    return only(*town(), *rows)


def every_month(**profile: Any) -> Callable[[Area], None]:
    def damage(area: Area) -> None:
        for month in MONTHS:
            area.write_image(month, **{key: value(area) for key, value in profile.items()})

    return damage


# The expectation, then what is done to the second month of a good area (or to all three).
DAMAGES: list[tuple[str, Callable[[Area], object]]] = [
    ("every label month has an image", lambda area: area.image(SECOND).unlink()),
    ("images can be read to the end", lambda area: truncate(area.image(SECOND))),
    ("images have 4 bands", lambda area: area.write_image(SECOND, solid(bands=3))),
    ("images are uint8", lambda area: area.write_image(SECOND, solid(dtype="uint16"))),
    ("images are in EPSG:3857", lambda area: area.write_image(SECOND, crs="EPSG:32612")),
    ("images are in EPSG:3857", lambda area: area.write_image(SECOND, crs=None)),
    (
        "images are north up with square pixels",
        every_month(transform=lambda area: transform_of(area.aoi) @ Affine.rotation(1)),
    ),
    (
        "all months of an AOI share one grid",
        lambda area: area.write_image(SECOND, transform=transform_of(area.aoi) @ Affine.translation(0, 1)),
    ),
    ("all months of an AOI share one grid", lambda area: area.write_image(SECOND, solid(cols=SIDE_PX - 1))),
    (
        "images lie on the tile that the AOI's name states",
        every_month(transform=lambda area: transform_of(area.aoi) @ Affine.translation(2, 0)),
    ),
    ("at least 0.5 of an image is usable", lambda area: area.write_image(SECOND, clouded())),
    ("images have labels", lambda area: area.labels(SECOND).unlink()),
    ("label files can be read", lambda area: area.labels(SECOND).write_text("not JSON")),
    ("an id names one building in a frame", add(feature(2, square(40, 40)))),
    (
        "buildings stick out of the image by at most 16 px",
        only(*town()[:4], feature(4, square(1, -17, 40))),
    ),
    ("outlines are valid", add(feature(5, BOW_TIE))),
    ("buildings are polygons", add(feature(5, POINT))),
    ("buildings have a shape", add(feature(5, None))),
    ("negative ids have no shape", add(feature(-1, square(40, 40)))),
    ("no building lies wholly off the image", add(feature(5, square(-6, 1)))),
    ("at most 0.5 of the buildings are under 4 px²", only(*(feature(n, square(10 * n, 20, 1.9)) for n in range(5)))),
    ("at most 0.5 of the buildings are new in a month", add(*(feature(5 + n, square(5 * n, 40)) for n in range(6)))),
]
# Sizes cannot be told from another grid by one month alone, so all months change.
SIZES = [
    ("images have 32 to 1024 rows", (31, SIDE_PX)),
    ("images have 32 to 1024 cols", (SIDE_PX, 1025)),
]


def failed(report: Report) -> dict[str, Result]:
    return {result.name: result for result in report.failures()}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """One area per damage, number n with damage n, and a good one at the end."""
    root = tmp_path_factory.mktemp("damaged")
    for number, (_, damage) in enumerate(DAMAGES):
        damage(good_area(root, number))
    for number, (_, (rows, cols)) in enumerate(SIZES, start=len(DAMAGES)):
        area = good_area(root, number)
        for month in MONTHS:
            area.write_image(month, solid(rows=rows, cols=cols))
    good_area(root, len(DAMAGES) + len(SIZES))
    return root, run_validation(root, scan(root), PARAMS)


ALL = [*(expected for expected, _ in DAMAGES), *(expected for expected, _ in SIZES)]


@pytest.mark.parametrize("number", range(len(ALL)), ids=[f"{number} {words}" for number, words in enumerate(ALL)])
def test_each_damage_is_caught_by_the_expectation_meant_for_it_and_by_no_other(
    damaged: tuple[Path, Report], number: int
) -> None:
    _, report = damaged
    caught = {
        result.name: [(it.month, it.file) for it in result.offenders if it.aoi == name(number)]
        for result in report.results
    }
    caught = {expectation: found for expectation, found in caught.items() if found}
    assert set(caught) == {ALL[number]}
    assert [month for month, _ in caught[ALL[number]]] in ([SECOND], list(MONTHS))
    for month, file in caught[ALL[number]]:
        assert file.startswith(f"train/{name(number)}/")
        assert month.replace("-", "_") in file


def test_a_good_area_offends_nothing(damaged: tuple[Path, Report]) -> None:
    offenders = {it.aoi for result in damaged[1].results for it in result.offenders}
    assert offenders == {name(number) for number in range(len(ALL))}


def test_only_these_expectations_stop_the_pipeline(damaged: tuple[Path, Report]) -> None:
    assert not damaged[1].ok
    assert {result.name for result in damaged[1].results if result.severity == "critical"} == CRITICAL


def test_every_expectation_has_a_case_here(damaged: tuple[Path, Report]) -> None:
    elsewhere = {"names are SpaceNet 7's", "there are frames", "there are labels"}
    assert {result.name for result in damaged[1].results} == set(ALL) | elsewhere


def test_an_offender_shows_its_value_and_what_explains_it(damaged: tuple[Path, Report]) -> None:
    caught = failed(damaged[1])
    twice = caught["an id names one building in a frame"].offenders[0]
    assert (twice.value, twice.detail) == (1, "duplicate_id: 2")
    not_json = caught["label files can be read"].offenders[0]
    assert not_json.value is False
    assert not_json.detail.startswith("fault: is not JSON")
    outside = caught["buildings stick out of the image by at most 16 px"].offenders[0]
    assert (outside.value, outside.detail) == (17.0, "outside_id: 4")


def test_reports_are_json_without_paths_of_this_machine_and_the_same_each_time(damaged: tuple[Path, Report]) -> None:
    root, report = damaged
    text = json.dumps(report.as_dict(), allow_nan=False)
    again = run_validation(root, scan(root), PARAMS)
    assert text == json.dumps(again.as_dict(), allow_nan=False)
    assert to_markdown(report) == to_markdown(again)
    assert str(root) not in text + to_markdown(report) + report.summary()


def test_the_order_of_the_frames_table_changes_nothing(damaged: tuple[Path, Report]) -> None:
    root, report = damaged
    assert run_validation(root, scan(root).iloc[::-1], PARAMS) == report


def test_what_is_odd_but_legal_in_spacenet_7_passes(tmp_path: Path) -> None:
    border = solid()
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
    report = run_validation(tmp_path, scan(tmp_path), PARAMS)
    assert report.failures() == []
    assert report.summary() == "validation passed: 5 frames, 2 label files, all 25 expectations hold"


def test_empty_tables_fail() -> None:
    report = validate(empty_facts(FRAME_FACTS), empty_facts(LABEL_FACTS), PARAMS)
    assert not report.ok
    assert set(failed(report)) == {"there are frames", "there are labels"}
    assert "not true that there are frames [frames]; (2) not true that there are labels [labels]" in report.summary()


def empty_facts(table: Any) -> pd.DataFrame:
    return table.empty()  # type: ignore[no-any-return]


def test_a_name_that_the_scorer_cannot_cut_is_critical(tmp_path: Path) -> None:
    # The catalog refuses such names itself; a table of frames may come from elsewhere.
    area = good_area(tmp_path)
    frames = scan(tmp_path)
    other = area.image(SECOND).with_name("2018_02.tif")
    area.image(SECOND).rename(other)
    frames.loc[1, "image"] = other.relative_to(tmp_path).as_posix()
    report = validate(frame_facts(tmp_path, frames), label_facts(tmp_path, frames), PARAMS)
    assert list(failed(report)) == ["names are SpaceNet 7's"]
    assert f"{area.aoi} 2018-02 train/{area.aoi}/images_masked/2018_02.tif" in report.summary()


def test_a_table_that_is_none_of_facts_is_refused_by_name() -> None:
    with pytest.raises(TableError, match="table 'frame facts' lacks column"):
        validate(pd.DataFrame({"aoi": ["a"]}), empty_facts(LABEL_FACTS), PARAMS)


def test_an_expectation_that_cannot_be_evaluated_is_a_defect_not_a_verdict() -> None:
    wanted = expectations.ExpectColumnValuesToBeInSet(column="gone", value_set=[1], meta={"name": "gone is 1"})
    with pytest.raises(RuntimeError, match="suite: 'gone is 1' not evaluated"):
        judge("suite", pd.DataFrame({"there": [1]}), [wanted])


def test_thresholds_come_from_params(damaged: tuple[Path, Report]) -> None:
    root, _ = damaged
    lax = PARAMS.model_copy(
        update={
            "sides_px": (1, 2000), "max_outside_px": 50.0, "max_small_fraction": 1.0, "max_birth_fraction": 1.0,
            "min_usable_fraction": 0.0,
        }
    )  # fmt: skip
    report = run_validation(root, scan(root), lax)
    gone = {words for words in ALL if any(character.isdigit() for character in words)} - set(failed(report))
    assert gone == {
        "images have 32 to 1024 rows", "images have 32 to 1024 cols", "buildings stick out of the image by at most 16 px",
        "at least 0.5 of an image is usable", "at most 0.5 of the buildings are under 4 px²",
        "at most 0.5 of the buildings are new in a month",
    }  # fmt: skip
    assert not any(
        character in result.name for result in failed(report).values() for character in ("32", "1024", "16 px", "0.5")
    )


def test_every_expectation_says_why_it_matters_and_what_to_do() -> None:
    checks = [check for suite in suites(PARAMS).values() for check in suite]
    for check in checks:
        assert check.why.endswith("."), check.name
        assert check.cure.endswith("."), check.name
        bound = check.bound()
        assert bound.meta["why"] == check.why
        assert bound.severity == check.severity
    assert len({check.name for check in checks}) == len(checks)


@pytest.mark.real
def test_the_real_areas_pass_with_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path(__file__).parents[3] / "shared" / "data" / "sn7"
    if not real.is_dir():
        pytest.skip("needs the real SpaceNet 7 area in ../shared/data/sn7")
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes")
    params = PARAMS.model_copy(update={"max_small_fraction": 0.2, "max_birth_fraction": 0.3})
    report = run_validation(real, scan(real), params)
    assert report.failures() == []
    assert report.rows == {"frames": 26, "labels": 26}
