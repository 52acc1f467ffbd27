"""What ``import sn7ml`` offers to Python users."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sn7ml

ROOT = Path(__file__).resolve().parents[1]
NAMES = [name for name in dir(sn7ml) if not name.startswith("_")]


def test_importing_sn7ml_loads_no_library() -> None:
    code = (
        "import sys, json; before = {*sys.modules}; import sn7ml; dir(sn7ml); "
        "loaded = {name.partition('.')[0] for name in {*sys.modules} - before}; "
        "print(json.dumps(sorted(loaded - sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == ["sn7ml"]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_says_what_it_is_for(name: str) -> None:
    assert len(getattr(sn7ml, name).__doc__) > 40


@pytest.mark.parametrize("name", ["evaluated", "__wrapped__"])
def test_another_name_is_no_attribute(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'sn7ml' has no attribute '{name}'"):
        getattr(sn7ml, name)


def test_names_are_those_that_type_checkers_see() -> None:
    stub = (ROOT / "sn7ml" / "__init__.pyi").read_text()
    assert re.findall(r" as (\w+)$", stub, re.MULTILINE) == re.findall(r" import (\w+) as ", stub)
    assert sorted(re.findall(r" import (\w+) as ", stub)) == NAMES
