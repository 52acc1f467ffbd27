"""The page about what validation found, and its pictures. Loads no Great Expectations."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sn7ml.core.errors import ValidationFailed
from sn7ml.report.maps.flagged import IN_ALL, PER_RESULT, draw_findings, labelled_in_files
from sn7ml.report.maps.overlays import from_png
from sn7ml.report.pages.validation import stop_if_failed, to_html, write_validation
from sn7ml.report.palette import FOUND_RGB, TRUTH_RGB
from sn7ml.scenes.layouts.spacenet7 import SPACENET7, scan
from sn7ml.validation.report import Measured, Offender, Picture, Report, Result, Severity
from tests.raising import raises
from tests.sn7_folder import AOI, FAR_AOI, MONTHS, stem, write_aoi

SECOND = MONTHS[1]


def offender(aoi: str = AOI, month: str = SECOND, building: str = "", detail: str = "") -> Offender:
    return Offender(aoi, month, f"train/{aoi}/images_masked/{stem(aoi, month)}.tif", 1, detail, building)


def result(name: str, *offenders: Offender, severity: Severity = "warning", picture: Picture = "") -> Result:
    return Result("frames", name, "rows", severity, not offenders, f"Why {name}.", f"Cure {name}.", offenders, picture)


def report(*results: Result) -> Report:
    return Report(results, {"frames": 6, "labels": 6}, n_aois=3)


def test_the_page_is_one_file_that_opens_offline() -> None:
    page = to_html(report(result("a", offender()), result("b")), {})
    assert not re.findall(r'(?:src|href)="(?!#|data:)', page)
    assert "https://" not in page
    assert len(page) < 60_000, "no plotly in it"


def test_the_worst_area_is_named_first_with_its_months() -> None:
    page = to_html(
        report(
            result("mild", offender(), offender(month=MONTHS[0])), result("bad", offender(FAR_AOI), severity="critical")
        ),
        {},
    )
    worst = page[page.index('id="worst"') : page.index('id="failures"')]
    assert worst.index(FAR_AOI) < worst.index(AOI)
    assert f'title="{SECOND} critical"' in worst
    assert f'title="{MONTHS[0]} warning"' in worst
    assert "1 of 3 areas has no finding" in page
    assert f"Worst area: <strong>{FAR_AOI}</strong>, 1 critical, 0 warnings" in page


def test_why_and_what_to_do_stand_beside_each_failure_and_all_offenders_are_counted() -> None:
    many = [offender(detail=f"fault: {number}") for number in range(23)]
    page = to_html(report(result("a", *many, severity="critical")), {})
    assert "Why a." in page
    assert "Cure a." in page
    assert "fault: 19" in page
    assert "fault: 20" not in page
    assert "… and 3 more." in page


def test_what_a_file_says_cannot_become_markup() -> None:
    page = to_html(report(result("a", offender(detail="fault: <script>alert(1)</script>"))), {})
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_report_without_a_finding_says_so() -> None:
    assert "Everything that was checked holds." in to_html(report(result("a")), {})


def test_the_worst_areas_lead_to_what_does_not_hold_in_them() -> None:
    page = to_html(report(result("mild", offender()), result("bad", offender(FAR_AOI), severity="critical")), {})
    for number, name in ((1, "bad"), (2, "mild")):
        assert f'<a href="#failure-{number}">{name}</a>' in page
        assert re.search(rf'id="failure-{number}">\s*<h3>.*Not true that {name}</h3>', page)


def test_what_was_measured_is_shown_by_area_least_and_most() -> None:
    measured = {
        "labels": Measured(
            {"n": "buildings", "n_z": "with heights"},
            {AOI: ((4633.0, 4910.0), (0.0, 0.0)), FAR_AOI: (None, (1.5, 2.25))},
        )
    }
    found = replace(report(result("a")), measured=measured)
    page = to_html(found, {})
    cells = re.findall(r'<td class="number"[^>]*>([^<]*)</td>', page[page.index('id="measured"') :])
    assert cells == ["4,633 … 4,910", "0", "–", "1.5 … 2.25"]
    assert found.as_dict()["measured"]["labels"][AOI] == {"n": (4633.0, 4910.0), "n_z": (0.0, 0.0)}
    assert 'id="measured"' not in to_html(report(result("a")), {})


def test_all_forms_are_written(tmp_path: Path) -> None:
    found = report(result("a", offender(), severity="critical"))
    write_validation(tmp_path / "one", found, {})
    forms = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(forms) == {"validation.html", "validation.md", "validation.json", "verdict.json"}
    assert json.loads(forms["verdict.json"]) == {"ok": False}
    with raises(ValidationFailed, "validation.failed", f"{AOI} {SECOND}", tmp_path / "one" / "validation.html"):
        stop_if_failed(tmp_path / "one", found)


def test_a_warning_changes_no_verdict(tmp_path: Path) -> None:
    write_validation(tmp_path / "clean", report(result("a")), {})
    write_validation(tmp_path / "warned", report(result("a", offender())), {})
    clean, warned = ((tmp_path / name / "verdict.json").read_bytes() for name in ("clean", "warned"))
    assert clean == warned
    stop_if_failed(tmp_path, report(result("a", offender())))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_aoi(tmp_path)
    return tmp_path


def drawn(root: Path, *results: Result) -> list[list[str]]:
    frames = scan(root)
    pictures = draw_findings(root, frames, report(*results), labelled_in_files(root, frames, SPACENET7))
    return [[caption for caption, _ in shown] for shown in pictures.values()]


def test_a_frame_is_shown_beside_another_month(root: Path) -> None:
    assert drawn(root, result("a", offender(), picture="frame")) == [[f"{AOI} {SECOND}, and {MONTHS[0]} to compare"]]


def test_a_building_is_orange_among_cyan_ones(root: Path) -> None:
    frames = scan(root)
    (shown,) = draw_findings(
        root,
        frames,
        report(result("a", offender(building="7"), picture="building")),
        labelled_in_files(root, frames, SPACENET7),
    ).values()
    picture = from_png(shown[0][1])
    orange = np.argwhere((picture == FOUND_RGB).all(axis=2)) / 4
    # Building 7 is the box of columns 20 to 25 and rows 30 to 34.
    assert orange.min(axis=0).tolist() == pytest.approx([30, 20], abs=0.5)
    assert orange.max(axis=0).tolist() == pytest.approx([34, 25], abs=0.5)
    assert (picture == TRUTH_RGB).all(axis=2).any()
    assert to_html(report(result("a", offender(), picture="building")), {("frames", "a"): shown}).count("<img") == 1


def test_what_cannot_be_read_has_no_picture_and_hinders_no_other(root: Path) -> None:
    (root / offender().file).write_bytes(b"")
    found = [offender(), offender(month=MONTHS[2])]
    assert drawn(root, result("a", *found, picture="frame")) == [[f"{AOI} {MONTHS[2]}, and {MONTHS[0]} to compare"]]
    assert drawn(root, result("a", offender(building="99"), picture="building")) == []


def test_a_report_stays_small(root: Path) -> None:
    results = [result(f"{number}", *[offender()] * 5, picture="frame") for number in range(20)]
    counts = [len(captions) for captions in drawn(root, *results)]
    assert counts == [PER_RESULT] * (IN_ALL // PER_RESULT)
