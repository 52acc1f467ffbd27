"""dvc.yaml agrees with the code: each module a stage can reach is a dep, each params section it reads is declared."""

from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

from sn7ml.params import Params, Recipe
from tests.pipelines.sections import sections_read

ROOT = Path(__file__).resolve().parents[2]
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
GRAPH = grimp.build_graph("sn7ml", "pipelines", cache_dir=None)

FACES = {"sn7ml/__init__.py", "pipelines/__init__.py"}
"""Modules that no stage uses: a docstring, a version, and names that are imported when a Python user asks for them."""


def file_of(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"


def packages_of(module: str) -> set[str]:
    """Importing a module runs the __init__ of every package above it."""
    parts = module.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts))}


def reached_files(stage: str) -> set[str]:
    module = f"pipelines.{stage}"
    reached = GRAPH.find_upstream_modules(module) | {module}
    return {file_of(name) for found in reached for name in {found, *packages_of(found)}} - FACES


def sections_declared(stage: str) -> set[str]:
    return {name for name in STAGES[stage].get("params", []) if isinstance(name, str)}


def test_every_script_is_a_stage_and_every_stage_a_script() -> None:
    scripts = {path.stem for path in (ROOT / "pipelines").glob("*.py")} - {"__init__"}
    assert scripts == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_a_stage_can_reach_is_in_its_deps(stage: str) -> None:
    deps = STAGES[stage]["deps"]
    missing = sorted(f for f in reached_files(stage) if not any(f == dep or f.startswith(f"{dep}/") for dep in deps))
    assert not missing


@pytest.mark.parametrize("stage", STAGES)
def test_every_code_dep_of_a_stage_can_be_reached(stage: str) -> None:
    code = [dep for dep in STAGES[stage]["deps"] if dep.startswith(("sn7ml", "pipelines"))]
    reached = reached_files(stage)
    idle = sorted(dep for dep in code if not any(f == dep or f.startswith(f"{dep}/") for f in reached))
    assert not idle


@pytest.mark.parametrize("stage", STAGES)
def test_params_read_are_the_params_declared(stage: str) -> None:
    assert sections_read(f"pipelines.{stage}") == sections_declared(stage)


def test_the_recipe_is_declared_where_it_is_read() -> None:
    assert set(Recipe.model_fields) <= sections_declared("search")
    chosen = [entry for entry in STAGES["train"]["params"] if isinstance(entry, dict)]
    assert chosen == [{"build/search/best.yaml": ["recipe"]}]


@pytest.mark.parametrize("stage", ["extract", "validate_outputs", "evaluate", "promote"])
def test_the_tuned_output_is_declared_where_it_is_read(stage: str) -> None:
    chosen = [entry for entry in STAGES[stage]["params"] if isinstance(entry, dict)]
    assert chosen == [{"build/tuning/best.yaml": ["output"]}]


def test_every_params_section_is_read_by_a_stage() -> None:
    declared = set().union(*(sections_declared(stage) for stage in STAGES))
    assert declared == set(Params.model_fields)


def test_stages_pass_on_exactly_what_stages_write() -> None:
    outs = {next(iter(out)) if isinstance(out, dict) else out for stage in STAGES.values() for out in stage["outs"]}
    builds = {dep for stage in STAGES.values() for dep in stage["deps"] if dep.startswith("build/")}
    # A stage may depend on one file of a folder that another writes.
    assert {
        dep for dep in builds if not any(str(parent) in outs for parent in (Path(dep), *Path(dep).parents))
    } == set()
    assert not any(out.startswith("data") for out in outs)


@pytest.mark.parametrize("stage", STAGES)
def test_paths_on_the_command_line_are_deps_or_outs(stage: str) -> None:
    spec = STAGES[stage]
    _, _, module, *paths = spec["cmd"].split()
    assert module == f"pipelines.{stage}"
    outs = [next(iter(out)) if isinstance(out, dict) else out for out in spec["outs"]]
    params = [next(iter(entry)) for entry in spec.get("params", []) if isinstance(entry, dict)]
    given = {*spec["deps"], *outs, *params}
    assert [path for path in paths if path not in given and path != "build"] == []
