"""Synthetic towns: buildings that live, and labels that agree with the truth."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from shapely.geometry import shape

from sn7ml.synthetic import make_synthetic
from tests.synthetic.folders import (
    AREAS,
    CALENDAR,
    folder,
    hidden_share,
    ids_by_month,
    masked_image,
    pixel_labels,
    town_truth,
)


def test_a_building_is_labelled_when_it_stands_and_is_not_under_cloud(cubes: Path, truth: list[pd.DataFrame]) -> None:
    for index in range(AREAS):
        area = folder(cubes, index)
        for month, rows in pixel_labels(area).items():
            unusable = masked_image(area, month)[3] == 0
            stands = (truth[index]["birth"] <= month) & (truth[index]["end"].isna() | (truth[index]["end"] > month))
            labelled = {row["properties"]["Id"]: shape(row["geometry"]) for row in rows}
            assert len(labelled) == len(rows)
            assert set(labelled) <= set(truth[index]["id"][stands])
            for key, polygon in zip(truth[index]["id"][stands], truth[index]["polygon"][stands], strict=True):
                hidden = hidden_share(polygon, unusable)
                if key in labelled:
                    assert labelled[key].equals(polygon)
                    assert hidden < 0.55
                else:
                    assert hidden > 0.45


def test_births_are_10_to_20_percent_and_fall_in_months_with_images(truth: list[pd.DataFrame]) -> None:
    for index, table in enumerate(truth):
        born = table["birth"] > CALENDAR[0]
        assert 0.10 <= born.mean() <= 0.20
        assert born.sum() > 3
        assert 0 < table["end"].notna().sum() < 0.1 * len(table)
        months = set(table["birth"]) | set(table["end"].dropna())
        assert months <= set(CALENDAR)
        assert index != 1 or "2018-05" not in months


def test_ids_vanish_under_cloud_and_return(cubes: Path) -> None:
    for index in range(AREAS):
        by_month = ids_by_month(folder(cubes, index))
        months = sorted(by_month)
        returned = {
            each
            for before, now in pairwise(months)
            for each in by_month[before] - by_month[now]
            if any(each in by_month[later] for later in months if later > now)
        }
        assert returned


def test_buildings_are_as_many_as_small_and_as_close_as_real_ones() -> None:
    tables = [town_truth(index, 12, 256, 0) for index in range(3)]
    for table in tables:
        assert 220 < len(table) < 400
    outlines = np.concatenate([np.array(table["polygon"], dtype=object) for table in tables])
    areas = shapely.area(outlines)
    assert shapely.is_valid(outlines).all()
    assert 9 < np.median(areas) < 13
    assert np.mean((areas > 2) & (areas < 30)) > 0.9
    assert (areas > 100).any()
    assert 0 < np.mean(areas < 4) < 0.04
    bounds = shapely.bounds(outlines)
    assert bounds.min() < 0
    assert bounds.max() > 256
    assert bounds.min() > -30
    assert bounds.max() < 286


def test_many_buildings_touch_and_none_overlap() -> None:
    outlines = np.array(town_truth(0, 12, 256, 0)["polygon"], dtype=object)
    first, second = shapely.STRtree(outlines).query(outlines, predicate="dwithin", distance=0.05)
    pairs = first < second
    overlap = shapely.area(shapely.intersection(outlines[first[pairs]], outlines[second[pairs]]))
    touching = np.unique(np.concatenate([first[pairs], second[pairs]]))
    assert len(touching) / len(outlines) > 0.1
    assert overlap.max() <= 0.15


def test_labels_do_not_move(cubes: Path) -> None:
    outlines: dict[int, set[str]] = {}
    for rows in pixel_labels(folder(cubes, 2)).values():
        for row in rows:
            outlines.setdefault(row["properties"]["Id"], set()).add(json.dumps(row["geometry"]))
    assert {len(each) for each in outlines.values()} == {1}


def test_one_month_has_no_births_and_no_demolitions(tmp_path: Path) -> None:
    make_synthetic(tmp_path / "data", aois=1, months=1, size_px=64, seed=0)
    table = town_truth(0, 1, 64, 0)
    assert set(table["birth"]) == {"2018-01"}
    assert table["end"].isna().all()
    assert len(table) >= 8
