"""Going through AOIs, here and in other processes."""

import pandas as pd
import pytest
import shapely

from sn7ml.metrics import per_aoi
from sn7ml.metrics.footprints import match_footprints
from sn7ml.metrics.per_aoi import in_processes
from sn7ml.metrics.scot import score_scot
from tests.metrics.streets import OTHER
from tests.metrics.towns import table, town


def two_towns() -> tuple[pd.DataFrame, pd.DataFrame]:
    first, second = town(1), town(2, aoi=OTHER)
    # A house round a yard: its shape must arrive as it is.
    house = shapely.box(50, 0, 60, 10).difference(shapely.box(52, 2, 60, 8))
    yard = table([(OTHER, "2018-01", "yard", house)])
    strange = table([(OTHER, "2018-01", "none", None), (OTHER, "2018-01", "yard", shapely.box(50, 0, 60, 10))])
    return pd.concat([first[0], second[0], yard]), pd.concat([first[1], second[1], strange])


def test_other_processes_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, proposals = two_towns()
    here = score_scot(truth, proposals)
    monkeypatch.setattr(per_aoi, "WORTH_PROCESSES", 1)
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes:2")
    there = score_scot(truth, proposals, map_aois=in_processes)
    assert there.as_dict() == here.as_dict()
    for name, aoi in here.aois.items():
        for part in ("frames", "pairs", "ids"):
            pd.testing.assert_frame_equal(getattr(there.aois[name], part), getattr(aoi, part))
    sizes = match_footprints(truth, proposals, 0.25, map_aois=in_processes).by_size()
    pd.testing.assert_frame_equal(sizes, match_footprints(truth, proposals, 0.25).by_size())


def test_little_work_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(per_aoi, "map_items", None)  # calling it would fail
    truth, proposals = two_towns()
    assert score_scot(truth, proposals, map_aois=in_processes).as_dict() == score_scot(truth, proposals).as_dict()
