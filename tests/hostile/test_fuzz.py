"""Damaged files by the thousand. ``SN7ML_FUZZ=20000 pytest tests/hostile/test_fuzz.py`` tries that many instead."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sn7ml.outputs.submission import COLUMNS
from tests.hostile.fuzz import TARGETS, attempt
from tests.hostile.readers import READERS
from tests.outputs.submissions import JAN

VARIABLE = "SN7ML_FUZZ"
TRIED = 840
STRUCTURED = 60

structured = settings(
    max_examples=STRUCTURED,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize("kind", TARGETS)
def test_damaged_bytes_give_a_clean_result_or_an_error_with_file_and_reason(kind: str, tmp_path: Path) -> None:
    """In a process of its own: what ends it (GDAL is C++) is seen as well, and memory is limited."""
    rounds = int(os.environ.get(VARIABLE, TRIED)) // len(TARGETS)
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.fuzz", str(tmp_path), str(rounds), "7", kind],
        capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, f"ended with {done.returncode} by {tmp_path}/now: {done.stderr[-2000:]}"
    *broken, last = done.stdout.splitlines()
    assert not broken, "\n".join(broken[:5])
    counts = json.loads(last)
    assert sum(counts.values()) == rounds
    assert counts["refused"] > rounds // 10
    assert counts["read"] > 0


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to every part of what a file holds."""
    yield path
    for key in content if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ():
        yield from places(content[key], (*path, key))


def with_value(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(content)
    part = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return changed


def good(kind: str, folder: Path) -> str:
    path = folder / f"good {READERS[kind].file}"
    READERS[kind].write(path)
    return path.read_text()


def answer(kind: str, folder: Path, text: str) -> None:
    path = folder / READERS[kind].file
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    outcome, wrong = attempt(TARGETS[kind], path)
    assert outcome != "broken", wrong


@structured
@given(data=st.data())
def test_labels_with_any_value_in_any_place(data: st.DataObject, tmp_path: Path) -> None:
    content = json.loads(good("labels", tmp_path))
    path = data.draw(st.sampled_from(list(places(content))))
    answer("labels", tmp_path, json.dumps(with_value(content, path, data.draw(anything))))


@pytest.mark.parametrize("kind", ["params", "recipe", "package"])
@structured
@given(data=st.data())
def test_params_with_any_value_in_any_place(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    content = yaml.safe_load(good(kind, tmp_path))
    path = data.draw(st.sampled_from(list(places(content))))
    answer(kind, tmp_path, yaml.safe_dump(with_value(content, path, data.draw(anything))))


wkt = st.sampled_from(["POLYGON", "POLYGON Z", "MULTIPOLYGON", "POINT", "LINESTRING", "GEOMETRYCOLLECTION", "EMPTY"])
parts = st.sampled_from(["(", ")", ",", " ", "0 0", "2 0, 2 2", "nan", "1e400", "-1e5", "0 0 0 0", "EMPTY"])
field = st.one_of(
    st.text(max_size=20),
    st.sampled_from([JAN, f"{JAN}.tif", JAN[:-1], "", '"', '""', "-1"]),
    st.builds(lambda kind, rest: f"{kind} {''.join(rest)}", wkt, st.lists(parts, max_size=12)),
)


@structured
@given(rows=st.lists(st.lists(field, min_size=1, max_size=5), max_size=5), quoted=st.booleans())
def test_a_csv_of_any_fields(tmp_path: Path, rows: list[list[str]], quoted: bool) -> None:
    lines = [",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' if quoted else cell for cell in row) for row in rows]
    answer("csv", tmp_path, "\n".join([",".join(COLUMNS), *lines]))
