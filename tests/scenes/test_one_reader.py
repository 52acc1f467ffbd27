"""File names are known to one layout, and raw labels are read by one function: for ingest, validate and the scorer."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sn7ml.params import RimsParams, TargetParams, TilingParams
from sn7ml.scenes.layouts.spacenet7 import LABEL_FOLDERS, MASK_FOLDER
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import target_of
from sn7ml.validation.facts.tiles import tile_facts
from tests.sn7_folder import AOI, HOUSES, SPLIT, scenes_of, write_aoi

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for room in ("sn7ml", "pipelines") for path in (ROOT / room).rglob("*.py"))
LAYOUT = "sn7ml/scenes/layouts/spacenet7.py"

FILE_NAME = re.compile(
    r"global_monthly|_mosaic_|Buildings|_UDM|L15-|(images_masked|labels_match(_pix)?|UDM_masks|test_public)$"
)
"""Of SpaceNet 7, in a text without spaces: one with spaces is a sentence for people."""

RAW = {"read_labels", "read_geojson", "read_collection"}
"""Functions that open a file of labels."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts(tree: ast.Module) -> Iterator[str]:
    """All texts of a module that are no docstrings."""
    told = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def calls(tree: ast.Module) -> set[str]:
    """Names of the functions that a module calls or imports."""
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return called | imported


def test_file_names_are_known_to_one_module() -> None:
    knowing = {
        name_of(path)
        for path in MODULES
        if any(FILE_NAME.match(text) and " " not in text for text in texts(ast.parse(path.read_text())))
    }
    assert knowing == {LAYOUT}


def test_raw_labels_are_read_by_the_layout_for_ingest_for_validation_and_for_the_scorer_of_folders() -> None:
    readers = {name_of(path) for path in MODULES if calls(ast.parse(path.read_text())) & RAW}
    assert readers == {
        "sn7ml/scenes/labels.py",
        LAYOUT,
        *(f"sn7ml/scenes/layouts/{name}.py" for name in ("pairs", "spacenet2", "xyz")),
        "sn7ml/scenes/ingest.py",
        "sn7ml/scenes/label_folder.py",
        "sn7ml/validation/facts/image_labels.py",
        "sn7ml/validation/facts/labels.py",
    }


def test_two_stages_look_at_raw_files() -> None:
    """Who calls none of these has no path of a label file, and nothing that could read one."""
    doors = {"layout_of", "ingest", "run_validation", "raw_facts", "labelled_in_files", "scan", "read_label_folder"}
    stages = {path.stem for path in (ROOT / "pipelines").glob("*.py") if calls(ast.parse(path.read_text())) & doors}
    assert stages == {"ingest", "validate"}


@pytest.mark.usefixtures("serial")
def test_tiles_are_cut_and_checked_after_the_label_files_are_gone(tmp_path: Path) -> None:
    folder = write_aoi(tmp_path / "data", size=(63, 160), buildings=HOUSES)
    scenes = scenes_of(tmp_path / "data")
    for name in LABEL_FOLDERS.values():
        shutil.rmtree(folder / name)
    assert not (folder / MASK_FOLDER).exists()
    target = target_of(TargetParams(kind="rims", rims=RimsParams(boundary_px=1, contact_px=1)))
    tiling = TilingParams(size_px=32, overlap_px=0, upsampling=3, min_usable_fraction=0.5)
    write_tiles(tmp_path / "data", scenes, SPLIT, tiling, target, tmp_path / "tiles")
    facts = tile_facts(scenes, TileStore(tmp_path / "tiles"), target)
    assert set(facts["aoi"]) == {AOI}
    assert facts[["mask_px2", "polygon_px2"]].to_numpy().tolist() == [[4 * 3 + 5 * 4 + 3 * 4] * 2] * 3
