"""A whole project in a temporary git repository, small enough to run in a minute, and DVC to run it."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sn7ml.synthetic import make_synthetic

ROOT = Path(__file__).resolve().parents[2]
SMALL: dict[str, Any] = {
    "validation": {"sides_px": [32, 1024]},
    "tiling": {"size_px": 32, "overlap_px": 0},
    "search": {"trials": 2, "train": {"epochs": 1, "tiles_per_epoch": 8, "validation_tiles": 4, "batch_size": 4}},
    "train": {"epochs": 3, "tiles_per_epoch": 16, "validation_tiles": 8, "batch_size": 4},
    "predict": {"tile_px": 64, "overlap_px": 16},
    "tune": {"trials": 3},
    "promote": {"min_score": 0.0},
    "report": {"aois": 1, "months": 2},
}
"""What differs from the committed params: sizes and times, nothing that decides which code runs."""

DIES = """
import fnmatch, os, signal, sys

left = int(os.environ["DIE_AT"])

def watch(event, arguments):
    global left
    if event == "os.rename" and fnmatch.fnmatch(os.fsdecode(arguments[1]), os.environ["DIE_BEFORE"]):
        left -= 1
        if not left:
            os.killpg(0, signal.SIGKILL)  # DVC too

sys.addaudithook(watch)
"""
"""Files are first written under another name (``sn7ml.core.runtime.files``): none is there before its rename."""


@dataclass(frozen=True)
class Project:
    """A checkout with data, a store and a cache of its own."""

    root: Path

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run DVC; with ``check`` its output is the message of the assertion."""
        command = [sys.executable, "-m", "dvc", *arguments]
        done = subprocess.run(command, cwd=self.root, env=environment(), capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def die_before(self, pattern: str, time: int = 1) -> None:
        """Run `dvc repro` and kill everything just before a matching file gets its name for the given time."""
        hook = self.root.with_name("dies")
        hook.mkdir(exist_ok=True)
        (hook / "sitecustomize.py").write_text(DIES)  # Python runs it in every process of the stages, before all else
        environ = environment() | {"PYTHONPATH": str(hook), "DIE_BEFORE": pattern, "DIE_AT": str(time)}
        command = [sys.executable, "-m", "dvc", "repro"]
        done = subprocess.run(
            command, cwd=self.root, env=environ, capture_output=True, text=True, check=False, start_new_session=True
        )
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr

    def set_param(self, key: str, value: Any) -> None:
        """Change one value of params.yaml."""
        path = self.root / "params.yaml"
        content = yaml.safe_load(path.read_text())
        *sections, name = key.split(".")
        place = content
        for section in sections:
            place = place[section]
        place[name] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False))


def environment() -> dict[str, str]:
    """The environment that the Makefile gives DVC, with one thread for torch, so that tests can share the cores."""
    hidden = ("MLFLOW_TRACKING_URI", "DVC_ROOT", "PYTHONPATH")
    quiet = {"DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | quiet | {"PATH": path, "SN7ML_EXECUTOR": "serial"}


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the nested values of ``changes``."""
    merged = dict(base)
    for name, value in changes.items():
        merged[name] = merge(base[name], value) if isinstance(value, dict) else value
    return merged


def make_project(root: Path) -> Project:
    """Lay out the project: code and stages as committed, small params, three small synthetic AOIs."""
    root.mkdir()
    for name in ("sn7ml", "pipelines"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (root / "params.yaml").write_text(yaml.safe_dump(merge(params, SMALL), sort_keys=False))
    make_synthetic(root / "data", aois=4, months=3, size_px=64, seed=3)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run([*git, "init", "--quiet"], cwd=root, check=True)
    project = Project(root)
    project.dvc("init", "--quiet")
    project.dvc("add", "--quiet", "data")
    subprocess.run([*git, "add", "--all"], cwd=root, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "start"], cwd=root, check=True)
    return project
