"""``sn7ml score``, as a person types it."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.affinity import translate
from typer.testing import CliRunner

from sn7ml import cli
from sn7ml.cli import terminal
from sn7ml.core.errors import LabelError, ParamsError
from tests.metrics import scot_cases
from tests.metrics.streets import OTHER, STREET, proposed, with_rows
from tests.metrics.towns import AOI, drawn
from tests.raising import raises

NAMES = ["mm", "track_tp", "track_fp", "track_fn", "track_score"]
NAMES += ["change_tp", "change_fp", "change_fn", "change_score", "combo_score"]


def run(*arguments: object) -> str:
    done = CliRunner().invoke(cli.app, ["score", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def write_csv(path: Path, table: pd.DataFrame) -> Path:
    rows = [
        f'global_monthly_{month.replace("-", "_")}_mosaic_{aoi},{building},"{shapely.to_wkt(shape) if shape else ""}"'
        for aoi, month, building, shape in table.itertuples(index=False)
    ]
    path.write_text("\n".join(["filename,id,geometry", *rows]) + "\n")
    return path


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "truth.csv", drawn(STREET))


@pytest.fixture
def late(tmp_path: Path) -> Path:
    """C is found a month late."""
    return write_csv(tmp_path / "late.csv", proposed("AA.BB......", "AA.BB......", "AA.BB.CC.DD"))


def test_scores_of_every_area_and_their_means_are_printed(truth: Path, late: Path) -> None:
    lines = [line.split() for line in run(truth, late).splitlines()]
    # T = 16/17, C = 1/2, SCOT = 5 C T / (4 C + T); F1 = 8 / (8 + 1/2), at IoU 0.5 as well
    scores = ["0.8000", "0.9412", "0.5000"]
    assert [AOI, *scores, "0", "1/1/1", "0.9412", "0.9412"] in lines
    assert ["mean", *scores, "0.9412", "0.9412"] in lines


def test_a_shift_of_all_outlines_is_told(tmp_path: Path) -> None:
    def houses(right_px: float, down_px: float, count: int) -> Path:
        boxes = [shapely.box(10.0 * n, 0, 10.0 * n + 4, 4) for n in range(count)]
        moved = [translate(house, right_px, down_px) for house in boxes]
        table = pd.DataFrame([(AOI, "2018-01", f"{n}", house) for n, house in enumerate(moved)])
        return write_csv(tmp_path / f"{right_px}-{count}.csv", table)

    many, few = (run(houses(0, 0, count), houses(0.5, -0.25, count)) for count in (100, 99))
    assert f"{AOI}: 0.50 px left, 0.25 px down (medians of 100 matched footprints)" in many
    assert "Truth lies" not in few
    assert "Truth lies" not in run(houses(0, 0, 100), houses(0.05, 0, 100))
    assert f"{AOI}: 1.00 px right (medians" in run(houses(0, 0, 100), houses(-1, 0.05, 100))


def test_json_has_the_names_of_the_reference(truth: Path, late: Path, tmp_path: Path) -> None:
    run(truth, late, "--json", tmp_path / "new" / "scores.json")
    content = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert list(content["aois"]) == [AOI]
    assert content["aois"][AOI] == pytest.approx(
        dict(zip(NAMES, [0, 8, 0, 1, 16 / 17, 1, 1, 1, 0.5, 0.8], strict=True))
    )
    assert content["score"] == pytest.approx(0.8)
    assert (content["f1"], content["f1_50"]) == pytest.approx((16 / 17, 16 / 17))
    assert "strict" not in content


@pytest.mark.parametrize("name", ["e27_duplicate_proposal_id_distinct_truths", "e43_polygon_empty_row_new_id", "r07"])
def test_json_agrees_with_the_reference(name: str, tmp_path: Path) -> None:
    case = scot_cases.expected()[name]
    run(*scot_cases.write_case(name, tmp_path), "--json", tmp_path / "scores.json")
    content = json.loads((tmp_path / "scores.json").read_text())
    assert content["score"] == pytest.approx(case["score"], abs=1e-12)
    assert content["aois"] == {aoi: pytest.approx(fields, abs=1e-12) for aoi, fields in case["aois"].items()}


def test_strict_scores_stand_beside_the_others(truth: Path, tmp_path: Path) -> None:
    twice = write_csv(
        tmp_path / "twice.csv", with_rows(drawn(STREET), (AOI, "2018-02", "A", shapely.box(90, 90, 93, 93)))
    )
    text = run(truth, twice, "--strict", "--json", tmp_path / "scores.json")
    content = json.loads((tmp_path / "scores.json").read_text())
    # 9 of 9 found with one false, and 8 of 9 with two: T = 18/19 and 16/19, C = 1
    assert content["score"] == pytest.approx(5 * (18 / 19) / (4 + 18 / 19))
    assert content["strict"]["score"] == pytest.approx(5 * (16 / 19) / (4 + 16 / 19))
    assert content["strict"]["aois"][AOI]["track_fp"] == 2
    assert "2 proposal row(s) rejected" in text
    assert f"{content['strict']['score']:.4f}" in text


def test_an_area_without_births_is_said_to_be_undefined(tmp_path: Path) -> None:
    still = drawn({"2018-01": "AA", "2018-02": "AA"}, aoi=OTHER)
    both = write_csv(tmp_path / "both.csv", pd.concat([drawn(STREET), still]))
    lines = [line.split() for line in run(both, both, "--strict").splitlines()]
    assert [OTHER, "0.0000", "1.0000", "0.0000", "0", "0/0/0", "1.0000", "1.0000", "undefined"] in lines
    assert ["mean", "0.5000", "1.0000", "0.5000", "1.0000", "1.0000", "1.0000"] in lines


def test_iou_decides_what_can_match(truth: Path, tmp_path: Path) -> None:
    # Each footprint is 6 px long; moved by 3 px its IoU with itself is 1/3.
    shapes = drawn(STREET)
    moved = shapes.assign(geometry=shapely.transform(shapes["geometry"].to_numpy(), lambda xy: np.add(xy, (3, 0))))
    half = write_csv(tmp_path / "half.csv", moved)
    assert "1.0000" in run(truth, half, "--iou", 0.3)
    assert "0.0000" in run(truth, half, "--iou", 0.34)
    with raises(ParamsError, "options.iou-range", "--iou", 0, 1):
        run(truth, half, "--iou", 1)


def test_diagnose_writes_tables_and_pictures(truth: Path, late: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = run(truth, late, "--diagnose", out)
    names = {"losses.csv", "births.csv", "sizes.csv", "frames.csv", "diagnosis.html", "diagnosis.png"}
    assert {path.name for path in out.iterdir()} == names
    losses = pd.read_csv(out / "losses.csv").set_index("kind")
    assert losses["scot_without"]["late_births"] == pytest.approx(5 * (16 / 17) / (4 + 16 / 17))
    assert pd.read_csv(out / "births.csv")["outcome"].tolist() == ["late", "found"]
    assert pd.read_csv(out / "frames.csv")["fn"].tolist() == [0, 1, 0]
    assert ["late", "births", "0", "0", "1", "1", "0.9524", "+0.1524"] in [line.split() for line in text.splitlines()]
    assert text.endswith(f"diagnosis: {out / 'diagnosis.html'}\n")


def test_workers_are_passed_on(truth: Path, late: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SN7ML_EXECUTOR", "serial")  # so that it is put back
    run(truth, late, "--workers", 1)

    assert os.environ["SN7ML_EXECUTOR"] == "processes:1"


def test_bad_lines_of_both_files_are_told_at_once(tmp_path: Path) -> None:
    stem = f"global_monthly_2018_01_mosaic_{AOI}"
    bad, worse = tmp_path / "bad.csv", tmp_path / "worse.csv"
    bad.write_text(f'filename,id,geometry\n{stem},1,"POLYGON ((0 0"\n')
    worse.write_text(f"filename,id,geometry\nhouse.tif,1,\n{stem},,\n")
    named = (bad, "line 2, column geometry", worse, "line 2, column filename: 'house.tif'", "line 3, column id")
    with raises(LabelError, "submission.bad-lines", *named, faults=["submission.bad-lines"] * 2):
        run(bad, worse)


def test_an_error_is_told_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["sn7ml", "score", str(tmp_path / "[none].csv"), str(tmp_path / "none.csv")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "[none].csv" in told
    assert "Traceback" not in told


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left_behind(
    truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("sys.argv", ["sn7ml", "score", str(truth), str(truth), "--json", str(truth / "scores.json")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "truth.csv" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("option", "code"), [("--json", "options.json-name"), ("--diagnose", "output.not-a-folder")])
def test_an_output_of_the_wrong_kind_is_refused_before_the_work(
    option: str, code: str, truth: Path, tmp_path: Path
) -> None:
    wrong = tmp_path if option == "--json" else truth
    with raises(ParamsError, code, option, wrong):
        run(tmp_path / "none.csv", tmp_path / "none.csv", option, wrong)


def test_json_to_the_terminal_comes_alone(truth: Path, late: Path) -> None:
    assert json.loads(run(truth, late, "--json", "-"))["score"] == pytest.approx(0.8)


def test_json_to_the_terminal_comes_alone_beside_a_diagnosis(truth: Path, late: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert json.loads(run(truth, late, "--json", "-", "--diagnose", out))["score"] == pytest.approx(0.8)
    assert (out / "losses.csv").exists()


def test_names_that_look_like_markup_are_printed_as_they_are(truth: Path, late: Path, tmp_path: Path) -> None:
    path = tmp_path / "[bold]" / "[x].json"
    assert f"scores: {path}" in run(truth, late, "--json", path)


def test_a_narrow_terminal_loses_no_number(truth: Path, late: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.console, "width", 60)
    lines = [line.split() for line in run(truth, late, "--strict").splitlines()]
    assert [AOI, "0.8000", "0.9412", "0.5000", "0", "1/1/1", "0.9412", "0.9412", "0.8000"] in lines


def test_another_iou_is_said(truth: Path, late: Path) -> None:
    assert json.loads(run(truth, late, "--json", "-", "--iou", 0.5))["iou_threshold"] == 0.5
    assert "SCOT at IoU > 0.5; SpaceNet 7's own is 0.25" in run(truth, late, "--iou", 0.5)


def test_a_label_folder_tells_months_without_buildings(tmp_path: Path) -> None:
    # The first month is labelled and empty: strictly, what stands in the second was born then.
    folder = tmp_path / "labels"
    folder.mkdir()
    house = {"type": "Polygon", "coordinates": [[[0, 0], [6, 0], [6, 3], [0, 3], [0, 0]]]}
    for month, features in (("01", []), ("02", [{"type": "Feature", "properties": {"Id": 1}, "geometry": house}])):
        name = f"global_monthly_2018_{month}_mosaic_{AOI}_Buildings.geojson"
        (folder / name).write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    content = json.loads(run(folder, folder, "--strict", "--json", "-"))
    assert content["aois"][AOI]["change_tp"] == 0
    assert content["strict"]["aois"][AOI]["change_tp"] == 1
    assert content["strict"]["score"] == content["f1"] == 1.0


def test_areas_without_labels_are_named(tmp_path: Path) -> None:
    for aoi, kind in ((AOI, "labels_match_pix"), (OTHER, "images")):
        (tmp_path / "train" / aoi / kind).mkdir(parents=True)
    house = {"type": "Polygon", "coordinates": [[[0, 0], [6, 0], [6, 3], [0, 3], [0, 0]]]}
    file = tmp_path / "train" / AOI / "labels_match_pix" / f"global_monthly_2018_01_mosaic_{AOI}_Buildings.geojson"
    feature = {"type": "Feature", "properties": {"Id": 1}, "geometry": house}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert f"Left out, no labels:\n  · {OTHER}" in run(tmp_path, file.parent)
