"""What people and programs read of a validation. Loads no Great Expectations."""

import subprocess
import sys

import pytest

from sn7ml.report.pages.validation import to_markdown
from sn7ml.validation.report import Offender, Report, Result, Severity

AOI = "L15-0331E-1257N_1327_3160_13"


def result(name: str, severity: Severity = "critical", offenders: int = 0, detail: str = "") -> Result:
    found = tuple(
        Offender(AOI, f"20{n // 12 + 10}-{n % 12 + 1:02d}", f"train/{n}.tif", n, detail) for n in range(offenders)
    )
    return Result("frames", name, "rows", severity, not offenders, f"Why {name}.", f"Cure {name}.", found)


def report(*results: Result) -> Report:
    return Report(results, {"frames": 3, "labels": 1})


def test_nothing_failed_is_said_in_one_line() -> None:
    whole = report(result("a"), result("b", "warning"))
    assert whole.ok
    assert whole.summary() == "validation passed: 3 frames, 1 label file, all 2 expectations hold"


def test_warnings_alone_pass_and_are_named() -> None:
    warned = report(result("a"), result("b", "warning", 1))
    assert warned.ok
    assert warned.summary() == (
        "validation passed: 3 frames, 1 label file, 0 critical failures, 1 warning. "
        f"Worst: (1) not true that b [frames]: {AOI} 2010-01 train/0.tif (value: 0)"
    )


def test_the_summary_names_the_three_worst_critical_first_then_by_number() -> None:
    bad = report(
        result("w", "warning", 9),
        result("few", "critical", 1),
        result("many", "critical", 3),
        result("v", "warning", 2),
    )
    assert not bad.ok
    assert [it.name for it in bad.failures()] == ["many", "few", "w", "v"]
    summary = bad.summary()
    assert summary.count("\n") == 0
    assert "2 critical failures, 2 warnings" in summary
    assert [summary.index(f"({n}) not true that {name} ") for n, name in ((1, "many"), (2, "few"), (3, "w"))]
    assert "not true that v" not in summary
    assert f"{AOI} 2010-01 train/0.tif (value: 0) and 2 more" in summary


@pytest.mark.parametrize(("number", "more"), [(20, 0), (23, 3)])
def test_a_report_lists_twenty_offenders_and_counts_the_rest(number: int, more: int) -> None:
    long = report(result("a", offenders=number))
    (content,) = long.as_dict()["results"]
    assert len(content["offenders"]) == 20
    assert (content["n_unexpected"], content["n_more"]) == (number, more)
    assert (f"… and {more} more." in to_markdown(long)) == bool(more)


def test_markdown_shows_every_expectation_and_why_with_cure_for_the_failed() -> None:
    text = to_markdown(report(result("a"), result("b", "warning", 2, detail="fault: gone")))
    assert text.startswith("# Validation: passed\n")
    assert "| frames | a | critical | ok |" in text
    assert "| frames | b | warning | **2 offenders** |" in text
    assert "## Warning: not true that b\n\nWhy b. *Cure b.*" in text
    assert f"| {AOI} | 2010-02 | train/1.tif | 1 | fault: gone |" in text
    assert "Why a." not in text


def test_what_a_file_says_cannot_break_the_table() -> None:
    text = to_markdown(report(result("b", offenders=1, detail="fault: a|b\n<script> [x](y)")))
    assert "fault: a\\|b \\<script> \\[x](y) |" in text


def test_reading_a_report_does_not_load_great_expectations() -> None:
    code = "import sys, sn7ml.validation.report; assert 'great_expectations' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
