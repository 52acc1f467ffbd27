"""What the tables of frames and of labels have in common."""

from pathlib import Path

import pandas as pd
import pytest

from sn7ml.scenes.layouts.spacenet7 import SPACENET7, scan
from sn7ml.validation.facts.frames import frame_facts
from sn7ml.validation.facts.labels import label_and_identity_facts
from tests.validation.areas import MONTHS, good_area, name

pytestmark = pytest.mark.usefixtures("serial")

SECOND = MONTHS[1]


def test_no_frames_give_empty_tables(tmp_path: Path) -> None:
    good_area(tmp_path)
    frames = scan(tmp_path).iloc[:0]
    assert len(frame_facts(tmp_path, frames, SPACENET7)) == 0
    assert len(label_and_identity_facts(tmp_path, frames, SPACENET7)[0]) == 0


def test_facts_are_the_same_for_one_process_and_for_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good_area(tmp_path)
    frames = scan(tmp_path)
    here = frame_facts(tmp_path, frames, SPACENET7), label_and_identity_facts(tmp_path, frames, SPACENET7)[0]
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes:2")
    pd.testing.assert_frame_equal(frame_facts(tmp_path, frames, SPACENET7), here[0])
    pd.testing.assert_frame_equal(label_and_identity_facts(tmp_path, frames, SPACENET7)[0], here[1])


def test_labels_are_expected_everywhere_but_in_test_areas_that_have_none(tmp_path: Path) -> None:
    area = good_area(tmp_path)
    area.labels(SECOND).unlink()
    test_area = good_area(tmp_path, number=1, part="test_public")
    for month in MONTHS:
        test_area.labels(month).unlink()
    table = frame_facts(tmp_path, scan(tmp_path), SPACENET7)
    assert table["has_labels"].tolist()[:3] == [True, False, True]
    assert table["has_labels"].isna().tolist() == [False] * 3 + [True] * 3
    assert label_and_identity_facts(tmp_path, scan(tmp_path), SPACENET7)[0]["aoi"].tolist() == [name(0)] * 2
