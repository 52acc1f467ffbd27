"""Tables refuse what they are not."""

import pandas as pd
import pytest

from sn7ml.core.errors import TableError
from sn7ml.core.schemas import FRAMES, LABELS, POLYGONS, REGIONS, SOURCES, TILES, TRACKS, Table
from tests.raising import raises

ALL = [SOURCES, FRAMES, LABELS, POLYGONS, REGIONS, TILES, TRACKS]
by_name = pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)


def region(**changes: object) -> pd.DataFrame:
    return pd.DataFrame([{"aoi": "A", "split": "train", "fold": 0, "col_start": 0, "col_stop": 64} | changes])


@by_name
def test_an_empty_table_is_one(table: Table) -> None:
    empty = table.check(table.empty())
    assert list(empty.columns) == list(table.columns)
    assert not len(empty)


@by_name
def test_the_key_is_made_of_columns(table: Table) -> None:
    assert set(table.key) <= set(table.columns)


def test_columns_come_in_order_and_others_are_left_out() -> None:
    shuffled = region()[["split", "col_stop", "fold", "aoi", "col_start"]].assign(remark="a note")
    assert list(REGIONS.check(shuffled).columns) == ["aoi", "split", "fold", "col_start", "col_stop"]


def test_a_missing_column_is_named() -> None:
    with raises(TableError, "table.missing-column", "'regions'", "['col_stop']", "'aoi'"):
        REGIONS.check(region().drop(columns="col_stop"))


@pytest.mark.parametrize(
    ("changes", "wanted", "got"),
    [
        ({"col_start": 0.5}, "int", "float64"),
        ({"col_start": "0"}, "int", "str"),
        ({"col_start": True}, "int", "bool"),
        ({"split": 1}, "text", "int64"),
    ],
)
def test_a_column_of_another_kind_is_named(changes: dict[str, object], wanted: str, got: str) -> None:
    with raises(TableError, "table.column-type", *changes, wanted, got):
        REGIONS.check(region(**changes))


def test_whole_numbers_are_no_fractions_and_numbers_no_booleans() -> None:
    row = {"aoi": "A", "time": "2018-01", "row": 0, "col": 0, "split": "train", "fold": 0}
    row |= {"usable_fraction": 1.0, "footprint_fraction": 0.5, "labelled": True}
    assert len(TILES.check(pd.DataFrame([row]))) == 1
    with raises(TableError, "table.column-type", "'usable_fraction'", "float", "int64"):
        TILES.check(pd.DataFrame([row | {"usable_fraction": 1}]))
    with raises(TableError, "table.column-type", "'labelled'", "bool", "int64"):
        TILES.check(pd.DataFrame([row | {"labelled": 1}]))


def test_two_rows_with_one_key_are_refused_with_an_example() -> None:
    with raises(TableError, "table.duplicate-key", 2, "('aoi', 'split', 'fold')", "'A'", "'train'"):
        REGIONS.check(pd.concat([region(), region(split="test"), region(col_start=9)]))


def test_text_may_be_missing() -> None:
    assert len(SOURCES.check(pd.DataFrame([dict.fromkeys(SOURCES.columns, "a") | {"mask": None}]))) == 1
