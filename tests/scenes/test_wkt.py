"""WKT as others write it: all that the scorer has a rule for, and what must not stop the reading."""

import warnings
from pathlib import Path

import pytest
import shapely

from tests.outputs.submissions import HEADER, JAN, WKT, complaint, complaint_of_row, read


@pytest.mark.parametrize(
    "wkt",
    [
        "POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))",  # crosses itself
        "POLYGON ((0 0, 1 0, 0 0, 0 0))",
        "POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))",
        "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))",
        "MULTIPOLYGON EMPTY",
        "LINESTRING (0 0, 1 1)",
        "POINT (3 4)",
        "GEOMETRYCOLLECTION (POINT (3 4), POLYGON ((0 0, 1 0, 1 1, 0 0)))",
        "POLYGON Z ((0 0 5, 1 0 5, 1 1 5, 0 0 5))",
        "POLYGON M ((0 0 5, 1 0 5, 1 1 5, 0 0 5))",
        "POLYGON ZM ((0 0 5 6, 1 0 5 6, 1 1 5 6, 0 0 5 6))",
        "POLYGON ((-100000 0, 100000 0, 1 100000, -100000 0))",
        "POLYGON Z ((0 0 1000000, 1 0 1000000, 1 1 1000000, 0 0 1000000))",
    ],
)
def test_what_the_scorer_has_a_rule_for_passes_unchanged(wkt: str, tmp_path: Path) -> None:
    found = read(tmp_path, f'{HEADER}{JAN},1,"{wkt}"\n{JAN},1," {wkt.lower()}"\n')
    assert [shapely.to_wkt(geometry, trim=True) for geometry in found["geometry"]] == [wkt, wkt]
    assert found["id"].tolist() == ["1", "1"]


def test_collections_in_collections_do_not_end_the_process(tmp_path: Path) -> None:
    deep = "GEOMETRYCOLLECTION (" * 100_000 + "POINT (0 0)" + ")" * 100_000
    assert complaint_of_row(tmp_path, f"{JAN},1,{deep}") == (
        "line 3, column geometry: 'GEOMETRYCOLLECTION (GEOMETRYCOLLECTION (GEOMETRYCOLLECTION …' is no WKT "
        f"(curves and collections of collections are not read); {WKT}"
    )


def test_numbers_that_are_none_leak_no_warning(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        complaint(tmp_path, f'{HEADER}{JAN},1,"POLYGON ((0 0, nan 1e999, inf 1, 0 0))"\n')
    assert not caught
