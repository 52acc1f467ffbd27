"""Laws of drift: what is alike is trusted; what is changed is named, with a distance worked out by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sn7ml.core.errors import ModelError
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.validation.drift import (
    FACTS,
    DataProfile,
    Drift,
    compare,
    drift_of_frames,
    make_profile,
    read_profile,
    with_density,
)
from tests.raising import raises
from tests.sn7_folder import AOI, write_aoi

YEAR = tuple(f"2018-{number:02d}" for number in range(1, 13))

# Of one area of 16 km² at 33° north: brightness goes up and down by 5 grey levels in a year.
COLOURS = {"red": 110.0, "green": 100.0, "blue": 80.0}


def facts(aoi: str = AOI, months: tuple[str, ...] = YEAR, **factors: Any) -> pd.DataFrame:
    """Facts of one area; a fact named in ``factors`` is multiplied by its factor."""
    number = np.array([int(month[5:]) for month in months])
    swing = -np.cos(2 * np.pi * number / 12)
    columns = {f"brightness_{name}": level + 5 * swing for name, level in COLOURS.items()}
    columns |= {f"contrast_{name}": 30 + swing for name in COLOURS}
    columns |= {"usable_fraction": 1 - 0 * swing, "usable_km2": 16 + 0 * swing, "ground_px_m": 4 + 0 * swing}
    columns |= {"noon_sun_deg": 57 + 23 * swing, "buildings_km2": 300 + 10 * swing}
    scaled = {name: values * factors.get(name, 1.0) for name, values in columns.items()}
    return pd.DataFrame({"aoi": aoi, "time": months, "file": "f.tif", "fault": ""} | scaled)


def brighter(factor: float) -> dict[str, Any]:
    return {f"brightness_{name}": factor for name in COLOURS}


def outside(drift: Drift) -> set[str]:
    return {finding.fact for finding in drift.findings if finding.level != "trusted"}


def test_the_same_frames_do_not_drift() -> None:
    drift = compare(make_profile(facts()), facts())
    assert drift.level == "trusted"
    assert outside(drift) == set()
    assert all(finding.spreads == 0 for finding in drift.findings)
    assert {finding.fact for finding in drift.findings} == {fact.name for fact in FACTS}
    assert drift.sentence == "the model can be trusted here: 1 area like those it learned from"


def test_many_areas_do_not_drift_from_themselves_however_odd_one_of_them_is() -> None:
    areas = [facts(f"A{number:03d}") for number in range(150)] + [facts("odd", months=YEAR[:1], **brighter(2.0))]
    all_areas = pd.concat(areas, ignore_index=True)
    assert compare(make_profile(all_areas), all_areas).level == "trusted"


# The factor, what it is put on, and what must be named; everything else must stay unnamed.
CHANGES = [
    (brighter(1.5), {"brightness_red", "brightness_green", "brightness_blue"}, "not trusted"),
    (brighter(0.5), {"brightness_red", "brightness_green", "brightness_blue"}, "not trusted"),
    ({"contrast_green": 2.0}, {"contrast_green"}, "not trusted"),
    ({"ground_px_m": 2.0}, {"ground_px_m"}, "not trusted"),
    ({"ground_px_m": 0.5}, {"ground_px_m"}, "not trusted"),
    ({"ground_px_m": 1.25}, {"ground_px_m"}, "with care"),
    ({"ground_px_m": 1.1}, set(), "trusted"),
    ({"buildings_km2": 0.1}, {"buildings_km2"}, "not trusted"),
    ({"buildings_km2": 2.0}, {"buildings_km2"}, "with care"),
    ({"buildings_km2": 0.0}, {"buildings_km2"}, "not trusted"),
    ({"usable_fraction": 0.1}, {"usable_fraction"}, "with care"),
]


@pytest.mark.parametrize(("factors", "named", "level"), CHANGES)
def test_what_is_changed_is_named_and_nothing_else(factors: dict[str, Any], named: set[str], level: str) -> None:
    drift = compare(make_profile(facts()), facts(**factors))
    assert outside(drift) == named
    assert drift.level == level
    for finding in drift.findings:
        assert (finding.label in drift.sentence) == (finding.fact in named and finding.level == level)


def test_winter_is_not_summer() -> None:
    summer, winter = facts(months=YEAR[4:8]), facts(months=("2018-11", "2018-12", "2019-01"))
    drift = compare(make_profile(summer), winter)
    assert "noon_sun_deg" in outside(drift)
    assert "season (noon sun)" in str(drift.areas[0].reasons)
    assert compare(make_profile(facts()), winter).level == "trusted"  # who learned from a year knows the winter


def test_the_distance_is_told_in_spreads_worked_out_by_hand() -> None:
    # Every month has 4 m, so the range is 4 to 4 and a spread is the floor, a factor of 1.15.
    drift = compare(make_profile(facts()), facts(ground_px_m=2.0))
    (finding,) = [it for it in drift.findings if it.fact == "ground_px_m"]
    assert finding.spreads == pytest.approx(np.log(2) / np.log(1.15), abs=0.01)
    assert str(finding) == "ground pixel size 8 m, 5.0 spreads above training's 4 to 4"
    assert (finding.frames, finding.frames_outside) == (12, 12)


def test_one_odd_month_is_counted_and_does_not_decide() -> None:
    new = facts()
    new.loc[3, "brightness_red"] = 250.0
    drift = compare(make_profile(facts()), new)
    assert drift.level == "trusted"
    assert {it.fact: it.frames_outside for it in drift.findings if it.frames_outside} == {"brightness_red": 1}


def test_the_worst_area_decides_and_is_named_first() -> None:
    new = pd.concat([facts("A"), facts("B", ground_px_m=1.25), facts("C", ground_px_m=2.0)])
    known = make_profile(pd.concat([facts(name) for name in "ABCDEF"]))
    drift = compare(known, new)
    assert [(area.aoi, area.level) for area in drift.areas] == [
        ("C", "not trusted"),
        ("B", "with care"),
        ("A", "trusted"),
    ]
    assert drift.sentence.startswith("the model is not to be trusted on 1 of 3 areas: C (ground pixel size 8 m")


@pytest.mark.parametrize(("areas", "level"), [(1, "with care"), (4, "with care"), (5, "trusted")])
def test_few_training_areas_tell_little_of_another_one(areas: int, level: str) -> None:
    known = make_profile(pd.concat([facts(f"A{number}") for number in range(areas)]))
    drift = compare(known, facts("elsewhere"))
    assert drift.level == level
    assert ("area" in str(drift.areas[0].reasons)) == (level == "with care")
    assert compare(known, facts("A0")).level == "trusted"


def test_clearer_skies_than_in_training_are_no_drift() -> None:
    known = make_profile(facts(usable_fraction=0.5))
    assert compare(known, facts()).level == "trusted"


def test_facts_that_one_side_lacks_are_not_compared() -> None:
    unlabelled = facts().drop(columns="buildings_km2")
    for known, new in ((make_profile(unlabelled), facts()), (make_profile(facts()), unlabelled)):
        drift = compare(known, new)
        assert drift.level == "trusted"
        assert "buildings_km2" not in {finding.fact for finding in drift.findings}


def test_a_damaged_frame_tells_nothing_and_an_area_of_them_is_not_trusted() -> None:
    numbers = [name for name in facts().columns if name not in ("aoi", "time", "file", "fault")]
    broken = facts("B")
    broken[numbers], broken["fault"] = np.nan, "truncated"
    partly = facts()
    partly.loc[0, numbers], partly.loc[0, "fault"] = np.nan, "truncated"
    known = make_profile(partly)
    assert (known.frames, known.months, known.aois) == (11, ("2018-02", "2018-12"), (AOI,))
    drift = compare(known, pd.concat([partly, broken]))
    assert [(area.aoi, area.level) for area in drift.areas] == [("B", "not trusted"), (AOI, "trusted")]
    assert drift.areas[0].reasons == ("no frame of it can be read",)
    with raises(ModelError, "drift.no-frames", 12, "f.tif: truncated"):
        make_profile(broken)


def test_distributions_are_apart_where_months_are_and_only_told_with_enough_frames() -> None:
    two_years = (*YEAR, *(month.replace("2018", "2019") for month in YEAR))
    known = make_profile(facts(months=two_years))
    assert compare(known, facts()).distributions == {}
    same = compare(known, facts(months=two_years)).distributions
    assert max(same.values()) < 0.2  # 24 frames, two of each brightness, told by 21 numbers
    apart = compare(known, facts(months=two_years, **brighter(1.5))).distributions
    assert apart["brightness_red"] == 1.0
    assert apart["ground_px_m"] == 0.0


def test_a_reference_survives_a_file(tmp_path: Path) -> None:
    known = make_profile(facts())
    path = tmp_path / "reference.json"
    path.write_text(known.model_dump_json())
    assert read_profile(path) == known
    assert compare(read_profile(path), facts()).level == "trusted"
    assert path.stat().st_size < 10_000


@pytest.mark.parametrize(
    ("content", "code", "named"),
    [
        (b"", "drift.not-a-reference", ()),
        (b"\xff\xfe", "drift.not-json", ()),
        (b"[]", "drift.not-a-reference", ()),
        (b'{"schema_version": 2}', "drift.not-a-reference", ("schema_version",)),
        (
            b'{"schema_version": 1, "aois": ["A"], "months": ["a", "b"], "frames": "many", "facts": {}}',
            "drift.not-a-reference",
            ("frames",),
        ),
    ],
)
def test_what_is_no_reference_is_told_by_name(
    content: bytes, code: str, named: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "reference.json"
    path.write_bytes(content)
    with raises(ModelError, code, path, *named):
        read_profile(path)


@pytest.mark.parametrize(
    "change",
    [
        {"low": 99.0, "high": 1.0},
        {"std": -1.0},
        {"frames": 0},
        {"quantiles": [float(number) for number in range(21, 0, -1)]},
    ],
    ids=str,
)
def test_a_range_that_no_frames_can_have_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    content = json.loads(make_profile(facts()).model_dump_json())
    content["facts"]["brightness_red"] |= change
    (tmp_path / "reference.json").write_text(json.dumps(content))
    with raises(ModelError, "drift.not-a-reference", tmp_path / "reference.json", "facts.brightness_red"):
        read_profile(tmp_path / "reference.json")


def test_a_pipe_and_a_giant_in_place_of_a_reference_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    os.mkfifo(path)
    with raises(ModelError, "drift.cannot-read", path, "pipe"):
        read_profile(path)
    path.unlink()
    path.touch()
    os.truncate(path, 10 * 2**30)
    with raises(ModelError, "drift.cannot-read", path, 10 * 2**30, 2**20):
        read_profile(path)


def test_density_is_buildings_on_the_usable_ground() -> None:
    counts = pd.DataFrame({"aoi": [AOI, AOI], "time": ["2018-02", "2018-01"], "n": [160, 320]})
    seen = facts(months=("2018-01", "2018-02", "2018-03")).assign(usable_km2=[16.0, 8.0, 16.0])
    dense = with_density(seen, counts)["buildings_km2"]
    assert dense.tolist()[:2] == [20.0, 20.0]
    assert np.isnan(dense.tolist()[2])


@pytest.mark.usefixtures("serial")
def test_frames_are_compared_from_their_files(tmp_path: Path) -> None:
    write_aoi(tmp_path)
    frames = scan(tmp_path)
    known = DataProfile.model_validate_json(reference_of_files(tmp_path).model_dump_json())
    counts = frames[["aoi", "time"]].assign(n=3)
    assert drift_of_frames(tmp_path, frames, known).level == "trusted"
    drift = drift_of_frames(tmp_path, frames, known, counts)
    assert {finding.fact for finding in drift.findings} == {fact.name for fact in FACTS} - {"buildings_km2"}


def reference_of_files(root: Path) -> DataProfile:
    from sn7ml.validation.facts.data_profile import profile_frames

    return make_profile(profile_frames(root, scan(root)))


@pytest.mark.real
@pytest.mark.usefixtures("serial")
def test_held_out_months_of_the_real_area_are_trusted_and_another_continent_is_taken_with_care(real_data: Path) -> None:
    from sn7ml.validation.facts.data_profile import profile_frames

    seen = profile_frames(real_data, scan(real_data))
    many, one = (seen[seen["aoi"].str.startswith(name)] for name in ("L15-0357E", "L15-1615E"))
    assert (len(many), len(one)) == (25, 1)
    known = make_profile(many[many["time"] < "2019-07"])
    assert compare(known, many[many["time"] >= "2019-07"]).level == "trusted"
    assert compare(known, one).level == "with care"


def test_comparing_loads_neither_torch_nor_great_expectations() -> None:
    code = "import sys, sn7ml.validation.drift; assert not {'torch', 'great_expectations'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
