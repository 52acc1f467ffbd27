"""The figures of the structure, on small packages drawn here."""

from collections.abc import Mapping
from pathlib import Path

import grimp
import pytest

from benchmarks import structure
from benchmarks.structure import Module


def module(text: str, file: str = "sn7ml/room/thing.py") -> Module:
    return Module(file, text)


ONCE = """
def open_door():
    return _turn_key() + _push() + _push()

def _turn_key():
    return 1

def _push():
    return 2

def _unused():
    return 3

class Door:
    def __init__(self):
        self._oil()

    def _oil(self):
        pass
"""


def test_a_private_function_used_in_one_place_is_called_once() -> None:
    assert [function.name for function in structure.called_once(module(ONCE))] == ["_turn_key", "_oil"]
    assert structure.share_called_once([module(ONCE)]) == 2 / 6


def test_a_function_passed_on_without_a_call_counts_as_used() -> None:
    text = "def _key(it): return it\ndef order(x): return sorted(x, key=_key)\ndef most(x): return max(x, key=_key)"
    assert structure.called_once(module(text)) == []


@pytest.mark.parametrize(
    "line",
    [
        'AOIS = folder.glob("L15-*")',
        'name = f"global_monthly_{year}_{month}.tif"',
        "from sn7ml.scenes.layouts.spacenet7 import LABEL_FOLDERS",
    ],
)
def test_a_name_or_a_pattern_of_files_is_found(line: str) -> None:
    assert structure.holders_of_file_names([module(line)]) == ["sn7ml/room/thing.py"]


@pytest.mark.parametrize(
    "line",
    [
        '"""Reads labels_match_pix."""',
        "rows = []  # of images_masked",
        'raise ValueError(f"no images_masked in {folder}")',
        "from sn7ml.scenes.layouts import layout_of",
    ],
)
def test_words_for_people_hold_no_file_name(line: str) -> None:
    assert structure.holders_of_file_names([module(line)]) == []


def test_scot_is_at_home_among_the_scores_and_on_its_page() -> None:
    files = [
        "sn7ml/metrics/scot.py",
        "sn7ml/report/pages/diagnosis.py",
        "sn7ml/report/pages/run.py",
        "pipelines/tune.py",
    ]
    assert structure.mentions_of_scot([module("score = 'SCOT'", file) for file in files]) == [
        "sn7ml/report/pages/run.py"
    ]


READERS = {
    "sn7ml/labels.py": """
def features(content): return content["features"]
def plain(content): return content
class Reader:
    def read(self): return features({})
""",
    "sn7ml/door.py": "from sn7ml.labels import Reader, plain",
    "sn7ml/layouts.py": "from sn7ml.labels import features\nSN7 = Layout(features)\ndef layout_of(): return SN7",
    "pipelines/by_a_value.py": "from sn7ml.layouts import layout_of\ndef main(): layout_of().labels()",
    "pipelines/directly.py": "from sn7ml.labels import features\ndef main(): features({})",
    "pipelines/by_a_door.py": "from sn7ml.door import Reader\ndef main(): return run(Reader())\ndef run(it): it.read()",
    "pipelines/beside_it.py": "from sn7ml.door import plain\ndef main(): plain({})",
}


def test_a_stage_parses_labels_if_a_reader_can_be_reached_by_calls() -> None:
    modules = [module(text, file) for file, text in READERS.items()]
    assert structure.stages_that_parse_labels(modules) == ["by_a_value", "directly", "by_a_door"]


HOUSE = {
    "cellar.py": "from drawn_house import roof",
    "hall/__init__.py": "",
    "hall/left.py": "from drawn_house import cellar\nfrom drawn_house.hall import right",
    "hall/right.py": "def late():\n    from drawn_house.hall import left",
    "shed.py": "from drawn_house.hall import left",
    "roof.py": "",
}
LAYERS = ["drawn_house.roof", "drawn_house.hall | drawn_house.shed", "drawn_house.cellar"]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> grimp.ImportGraph:
    write(tmp_path / "drawn_house", HOUSE | {"__init__.py": ""})
    monkeypatch.syspath_prepend(tmp_path)
    return grimp.build_graph("drawn_house", cache_dir=None)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_modules_that_import_each_other_are_a_cycle(house: grimp.ImportGraph) -> None:
    assert structure.cycles(house) == ["drawn_house.hall.left drawn_house.hall.right"]


def test_imports_up_and_sideways_are_named(house: grimp.ImportGraph) -> None:
    assert structure.imports_up(house, LAYERS) == [
        "drawn_house.cellar -> drawn_house.roof",
        "drawn_house.shed -> drawn_house.hall.left",
    ]


def test_rooms_are_folders_and_files_below_the_package() -> None:
    sizes = {"sn7ml/__init__.py": 1, "sn7ml/core/geo/grid.py": 5, "sn7ml/core/errors.py": 2, "sn7ml/params.py": 9,
             "pipelines/tile.py": 3}  # fmt: skip
    by_room = structure.rooms([module("x = 1\n" * lines, file) for file, lines in sizes.items()])
    assert {room: sum(it.lines for it in there) for room, there in by_room.items()} == {
        "params": 9, "core": 7, "pipelines": 3, "sn7ml": 1,
    }  # fmt: skip
    assert list(by_room) == ["params", "core", "pipelines", "sn7ml"]


def test_words_and_statements_of_the_docs_are_counted_where_people_wrote_them(tmp_path: Path) -> None:
    write(
        tmp_path, {"README.md": "Measured by hand.", "docs/a.md": "one two\nan Issue, unissued", "docs/b/c.md": "three"}
    )
    write(tmp_path, {"docs/params.md": "not kept " * 3, "pyproject.toml": LAYERS_OF_NOTHING, "sn7ml/a.py": "x = 1\n"})
    assert structure.process_statements(tmp_path)[0] == "docs/a.md:2: Issue"
    assert "README.md:1: by hand" in structure.process_statements(tmp_path)
    graph = grimp.ImportGraph()
    found = {it.name: it for it in structure.figures(tmp_path, structure.read_modules(tmp_path, ["sn7ml"]), graph)}
    assert found["words in docs, but params.md and errors.md"].value == "6"
    assert found["product lines"].value == "1"
    assert not found["stages that parse raw label files"].reached


LAYERS_OF_NOTHING = "[[tool.importlinter.contracts]]\nlayers = []\n"
