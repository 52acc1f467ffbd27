"""``sn7ml score`` of SpaceNet 2's form."""

import json
from pathlib import Path

import pytest

from sn7ml.core.errors import LabelError, ParamsError
from tests.cli.test_score import run, write_csv
from tests.metrics.streets import STREET
from tests.metrics.towns import drawn
from tests.raising import raises
from tests.real import real

HEADER = "ImageId,BuildingId,PolygonWKT_Pix,PolygonWKT_Geo"
EMPTY = "-1,POLYGON EMPTY,POLYGON EMPTY"


def square(left: float, side: float = 10.0) -> str:
    right = left + side
    return f'"POLYGON (({left} 0 0, {right} 0 0, {right} {side} 0, {left} {side} 0, {left} 0 0))"'


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    rows = [f"a,1,{square(0)},x", f"a,2,{square(100)},x", f"b,{EMPTY}"]
    return write(tmp_path / "truth.csv", *rows)


def scores(*arguments: object) -> dict[str, object]:
    return json.loads(run(*arguments, "--json", "-"))  # type: ignore[no-any-return]


def test_what_is_true_of_the_real_truth_against_itself_and_of_nothing(tmp_path: Path) -> None:
    (table,) = (real("spacenet2") / "AOI_2_Vegas_Train" / "summaryData").glob("*.csv")
    found = scores(table, table)
    assert (found["f1"], found["tp"], found["fp"], found["fn"]) == (1.0, 154, 0, 0)
    assert scores(table, write(tmp_path / "nothing.csv"))["f1"] == 0.0


def test_the_form_is_told_and_counts_are_summed_over_images(truth: Path, tmp_path: Path) -> None:
    rows = [f"a,1,{square(1)},x", f"a,2,{square(300)},x", f"b,1,{square(0)},x"]
    found = write(tmp_path / "found.csv", *rows)
    content = scores(truth, found)  # one right, two false, one missed: 2 / (2 + 2 + 1)
    assert content["form"] == "SpaceNet 2"
    assert content["f1"] == pytest.approx(0.4)
    assert "read in SpaceNet 2's form" in run(truth, found)
    series = write_csv(tmp_path / "series.csv", drawn(STREET))
    assert "read in SpaceNet 7's form" in run(series, series)


def test_the_surest_footprint_chooses_first(tmp_path: Path) -> None:
    """Both could take the first house, and only the first row the second one: IoU 0.68 and 0.65, 1 and 0.43."""
    truth = write(tmp_path / "truth.csv", f"a,1,{square(0)},x", f"a,2,{square(4)},x")
    rows = [f"a,1,{square(1.9)},x", f"a,2,{square(0)},x"]
    assert scores(truth, write(tmp_path / "in order.csv", *rows))["tp"] == 1
    told = [f"{row},{sure}" for row, sure in zip(rows, (0.1, 0.9), strict=True)]
    assert scores(truth, write(tmp_path / "sure.csv", *told, header=f"{HEADER},Confidence"))["tp"] == 2


def test_images_of_one_side_only_are_told(truth: Path, tmp_path: Path) -> None:
    told = run(truth, write(tmp_path / "found.csv", f"c,1,{square(0)},x"))
    assert "1 image(s) not scored, since the truth does not name them: c" in told
    assert "2 image(s) without an answer, so all their buildings are missed: a, b" in told


def test_bad_lines_are_named_with_column_and_value(truth: Path, tmp_path: Path) -> None:
    rows = [f",1,{square(0)},x,0.5", "a,2,round,x,0.5", f"a,3,{square(0)},x,sure"]
    bad = write(tmp_path / "bad.csv", *rows, header=f"{HEADER},Confidence")
    codes = ["submission.bad-lines"]
    with raises(LabelError, "submission.bad-lines", bad, 2, "ImageId", 3, "'round'", 4, "'sure'", faults=codes):
        run(truth, bad)


def test_two_forms_and_options_of_series_are_refused(truth: Path, tmp_path: Path) -> None:
    series = write_csv(tmp_path / "series.csv", drawn(STREET))
    with raises(LabelError, "submission.two-forms", truth, series):
        run(truth, series)
    with raises(ParamsError, "options.series", "--strict"):
        run(truth, truth, "--strict")
    with raises(ParamsError, "options.iou-range", "--iou", 0):
        run(truth, truth, "--iou", 0)
