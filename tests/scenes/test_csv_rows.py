"""A CSV cut into rows: their lines, their quotes, and files that are none."""

import csv
import re
from pathlib import Path

import pytest
import shapely

from sn7ml.core.errors import LabelError
from tests.outputs.submissions import HEADER, JAN, SQUARE, complaint, read
from tests.raising import raises


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_mark_line_ends_blank_lines_and_quotes_do_not_matter(
    mark: bytes, newline: str, tmp_path: Path
) -> None:
    text = f'"filename","id",geometry\n\n{JAN},"ä,""b""",POINT (1 2)\n\n{JAN},8,POINT (3 4)\n\n'
    found = read(tmp_path, mark + text.replace("\n", newline).encode())
    assert found["id"].tolist() == ['ä,"b"', "8"]
    assert [point.x for point in found["geometry"]] == [1, 3]


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    assert len(read(tmp_path, f"{HEADER}{JAN},1,{SQUARE}")) == 1


def test_an_outline_of_a_whole_town_is_read(tmp_path: Path) -> None:
    town = shapely.Point(500, 500).buffer(400, quad_segs=4000)
    text = f'{HEADER}{JAN},1,"{town.wkt}"\n'
    assert len(text) > 400_000
    csv.field_size_limit(131_072)
    assert read(tmp_path, text)["geometry"][0].equals_exact(town, tolerance=1e-9)
    assert csv.field_size_limit() == 131_072


def test_lines_are_counted_through_fields_that_span_several(tmp_path: Path) -> None:
    polygon = '"POLYGON ((0 0,\r\n 1 0,\n 1 1,\n 0 0))"'  # four lines
    text = f"\n{HEADER}{JAN},1,{polygon}\n\n{JAN},2,{polygon}\nParis,3,{polygon}\n{JAN},4,bad\n"
    assert [re.match(r" *line \d+", line) and line.split(",")[0] for line in complaint(tmp_path, text)[1:]] == [
        "  line 12",  # 1 blank, 2 header, 3 to 6, 7 blank, 8 to 11, 12 to 15, 16
        "  line 16",
    ]


def test_a_quote_that_is_never_closed_is_named_where_it_opens(tmp_path: Path) -> None:
    head, first, second = complaint(tmp_path, f'{HEADER}{JAN},1,x\n{JAN},2,"POLYGON EMPTY\n{JAN},3,\n')
    assert head == "a.csv: 2 bad lines"
    assert first.startswith("  line 2, column geometry: 'x' is no WKT")
    assert second == (
        "  lines 3 to 4: a quote is opened and never closed, from "
        "'global_monthly_2018_01_mosaic_…1327_3160_13,2,\"POLYGON EMPTY' on; expected quotes around whole fields only"
    )  # fmt: skip


def test_after_a_quote_that_met_the_next_ones_reading_goes_on(tmp_path: Path) -> None:
    rows = [f'{JAN},1,"POLYGON EMPTY', f"{JAN},2,{SQUARE}", f"{JAN},3,x"]
    told = complaint(tmp_path, HEADER + "\n".join(rows))
    assert [line.split(":")[0] for line in told] == ["a.csv", "  lines 2 to 3", "  line 4, column geometry"]


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        (b"", "submission.empty", ["filename,id,geometry"]),
        (b"\n\n", "submission.empty", ["filename,id,geometry"]),
        (b"filename,geometry\n", "submission.header", ["line 1", "'filename,geometry'", "['id']"]),
        (b"\nfilename;id;geometry\n", "submission.header", ["line 2", "['filename', 'id', 'geometry']"]),
        (b"filename,id,id,Geometry\n", "submission.header", ["line 1", "['geometry']", "['id']"]),
        (b'"filename,id,geometry\n', "submission.header", ["line 1", "'\"filename,id,geometry'"]),
        (b"filename,id,geometry\n\xff\n", "submission.not-text", ["line 2", "0xff"]),
        (b"\x89PNG\r\n\x1a\n", "submission.not-text", ["line 1", "0x89"]),
        (b"filename,id,geometry\nx,y,\0z\n", "submission.not-text", ["line 2", "NUL"]),
    ],
)
def test_a_file_that_is_no_such_csv_is_named(text: bytes, code: str, named: list[str], tmp_path: Path) -> None:
    with raises(LabelError, code, "a.csv", *named):
        read(tmp_path, text)


@pytest.mark.parametrize("line", [2, 60, 61, 1_000, 2_000])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_the_line_that_is_not_utf8_is_named_wherever_the_decoder_stops(
    line: int, newline: bytes, tmp_path: Path
) -> None:
    lines = [HEADER.strip().encode(), *[f"{JAN},ü,{SQUARE}".encode()] * 1_999]
    lines[line - 1] = lines[line - 1].replace("ü".encode(), b"\xfc")
    for shift in range(3):  # so that a chunk's end falls on other bytes of a line
        text = lines[0] + b"," + b"x" * 41 * shift + newline + b"".join(row + b"," + newline for row in lines[1:])
        with raises(LabelError, "submission.not-text", "a.csv", f"line {line} ", "0xfc"):
            read(tmp_path, text)


def test_a_gigantic_field_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sn7ml.scenes.csv_rows.LONGEST_FIELD", 200_000)
    told = complaint(tmp_path, f'{HEADER}{JAN},1,"{"x" * 200_001}"\n{JAN},2,y\n')
    assert told[1].startswith("  line 2: quotes do not pair (field larger than field limit (200000)), from 'global_")
    assert told[2].startswith("  line 3, column geometry: 'y' is no WKT")
