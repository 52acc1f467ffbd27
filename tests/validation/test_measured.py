"""Facts that are shown whatever came of the expectations. Loads Great Expectations."""

from pathlib import Path

import pandas as pd

from sn7ml.params import load_params
from sn7ml.validation.facts import TABLES
from sn7ml.validation.measured import SHOWN, measure
from sn7ml.validation.suites import Suites, found_suites, image_suites, stretch_suites, suites, tile_suites
from tests.validation.damages import PARAMS

ROOT = Path(__file__).resolve().parents[2]

KEYS = {"aoi", "time", "file", "split", "fold", "col_start", "col_stop", "number"}
"""Of every offender, in its name or in that of its file."""

MADE_OF_THEM = {
    "frames": {"pixels_digest"},  # duplicate_of
    "labels": {"shapes_digest"},  # duplicate_of
    "images": {"pixels_digest"},  # duplicate_of
    "outlines": {"shapes_digest"},  # duplicate_of
    "tiles": {"rows", "cols"},  # mask_fits, n_off_image
}


def all_suites() -> Suites:
    params = load_params(ROOT / "params.yaml")
    single = image_suites(PARAMS) | stretch_suites(PARAMS)
    through_time = suites(PARAMS) | found_suites(PARAMS, "changepoint")
    return single | through_time | tile_suites(PARAMS, params.split, params.tiling)


def test_every_fact_is_judged_explains_an_offender_or_is_shown() -> None:
    for suite, checks in all_suites().items():
        judged = {
            getattr(check.expectation, name, "") for check in checks for name in ("column", "column_A", "column_B")
        }
        read = (
            KEYS
            | judged
            | {check.detail for check in checks}
            | set(SHOWN.get(suite, {}))
            | MADE_OF_THEM.get(suite, set())
        )
        assert set(TABLES[suite].columns) - read == set(), suite


def test_what_is_shown_are_numbers_of_the_table() -> None:
    for suite, words in SHOWN.items():
        assert {TABLES[suite].columns[column] for column in words} <= {"int", "float"}


def test_least_and_most_are_those_of_each_area_and_what_is_unknown_of_one_month_is_left_out() -> None:
    table = pd.DataFrame(
        {"aoi": ["b", "a", "b", "b"], "n": [3, 7, None, 1], "n_ids": [1, None, 1, 1], "n_gaps": [0.12345, 0, 5, 2]}
    )
    found = measure(
        {"tracks": table.astype({"n": "Int64", "n_ids": "Int64"}), "counts": table.iloc[:0], "footprints": table}
    )
    assert list(found) == ["tracks"]
    assert list(found["tracks"].words) == ["n", "n_ids", "n_gaps"]
    assert found["tracks"].aois == {"a": ((7, 7), None, (0, 0)), "b": ((1, 3), (1, 1), (0.1235, 5))}
