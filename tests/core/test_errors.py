import pickle
import re

import pytest

from benchmarks.list_errors import ROOT, as_markdown, sites
from sn7ml.core.errors import ItemsFailed, LabelError, Sn7Error

FORM = re.compile(r"[a-z0-9]+\.[a-z0-9]+(-[a-z0-9]+)*")
"""``subject.kebab-case-reason``."""


def test_a_code_is_a_literal_or_that_of_the_error_passed_on() -> None:
    others = [
        site for site in sites() if not site.passed_on and not (site.code is not None and FORM.fullmatch(site.code))
    ]
    assert others == []


def test_the_list_of_errors_is_that_of_the_source() -> None:
    assert (ROOT / "docs/errors.md").read_text().strip() == as_markdown().strip()


@pytest.mark.parametrize(
    "error",
    [
        LabelError("labels.duplicate-id", "a.geojson: Id [7] occurs more than once"),
        LabelError("labels.bad-files", "2 bad files", [LabelError("labels.not-json", "a.geojson: is not JSON")]),
        ItemsFailed({"a": LabelError("labels.not-json", "a.geojson: is not JSON")}, total=2),
    ],
)
def test_an_error_crosses_processes_with_its_code_and_words(error: Sn7Error) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.code, str(copy)) == (type(error), error.code, str(error))
    assert [fault.code for fault in copy.faults] == [fault.code for fault in error.faults]


def test_failures_of_items_keep_their_codes() -> None:
    error = ItemsFailed({"a": LabelError("labels.not-json", "a.geojson: is not JSON")}, total=2)
    (inner,) = pickle.loads(pickle.dumps(error)).failures.values()
    assert (error.code, inner.code) == ("items.failed", "labels.not-json")
