"""Processes that work side by side: one that is killed, one that fails, a parent that goes away."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sn7ml.core.errors import CatalogError
from sn7ml.search.workers import work_together
from tests.raising import assert_names, raises


@dataclass(frozen=True)
class Work:
    """What a worker does; each writes its name into the folder when it begins."""

    folder: Path
    """Of the test."""

    def __call__(self, name: str) -> None:
        (self.folder / name).touch()
        self.do(name)

    def do(self, name: str) -> None:
        """Nothing more."""

    def first(self) -> bool:
        """Tell one worker that it is the first."""
        try:
            (self.folder / "first").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class KillTheFirst(Work):
    def do(self, name: str) -> None:
        if self.first():
            os.kill(os.getpid(), signal.SIGKILL)


class FailTheFirst(Work):
    def do(self, name: str) -> None:
        if self.first():
            raise CatalogError("data.no-folder", "no data")
        sleep_until_stopped(self.folder)


class Bug(Work):
    def do(self, name: str) -> None:
        raise KeyError("bug")


class Sleep(Work):
    def do(self, name: str) -> None:
        sleep_until_stopped(self.folder)


class Threads(Work):
    def do(self, name: str) -> None:
        said = " ".join(os.environ[key] for key in ("OMP_NUM_THREADS", "GDAL_NUM_THREADS", "SN7ML_EXECUTOR"))
        (self.folder / name).write_text(said)


def sleep_until_stopped(folder: Path) -> None:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (folder / f"stopped-{os.getpid()}").touch()
        raise


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if len(path.name) == 32}


@pytest.mark.parametrize(("was_at_work", "begun"), [(True, 3), (False, 2)])
def test_a_worker_that_is_killed_at_work_is_replaced(tmp_path: Path, was_at_work: bool, begun: int) -> None:
    dead: list[str] = []

    def on_death(name: str) -> bool:
        dead.append(name)
        return was_at_work

    work_together(KillTheFirst(tmp_path), 2, on_death, lambda: None)
    assert len(dead) == 1
    assert len(names(tmp_path)) == begun
    assert set(dead) < names(tmp_path)


def test_an_error_of_one_ends_all_and_is_raised(tmp_path: Path) -> None:
    with raises(CatalogError, "data.no-folder"):
        work_together(FailTheFirst(tmp_path), 2, lambda _name: False, lambda: None)


def test_a_bug_of_one_is_raised_and_its_traceback_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError) as caught:
        work_together(Bug(tmp_path), 1, lambda _name: False, lambda: None)
    assert_names(str(caught.value), "KeyError", "'bug'")
    assert "in do\n" in capfd.readouterr().err


def test_cores_are_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.setenv("SN7ML_EXECUTOR", "processes:3")
    work_together(Threads(tmp_path), 2, lambda _name: False, lambda: None)
    assert {(tmp_path / name).read_text() for name in names(tmp_path)} == {"2 2 processes:3"}
    assert os.environ["OMP_NUM_THREADS"] == "5"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent_by_ctrl_c_and_by_its_death(tmp_path: Path, how: signal.Signals) -> None:
    code = (
        "from sn7ml.search import workers\nfrom tests.search.test_workers import *\n"
        "if __name__ == '__main__':\n"
        # Background jobs of a shell ignore SIGINT, and so does what they start: tests, too.
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    workers.TICK_SECONDS = 0.1\n"
        f"    folder = Path({str(tmp_path)!r})\n"
        "    work_together(Sleep(folder), 2, lambda _: False, (folder / 'all started').touch)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, script], env=environment, start_new_session=True, stderr=subprocess.PIPE)
    # A Ctrl-C that comes while the parent still starts a worker is not heard.
    wait_for(lambda: len(names(tmp_path)) == 2 and (tmp_path / "all started").exists())
    if how == signal.SIGINT:
        os.killpg(parent.pid, how)  # as a terminal does: to all
    else:
        parent.kill()
    said = parent.communicate(timeout=30)[1].decode()
    wait_for(lambda: len(list(tmp_path.glob("stopped-*"))) == 2)
    assert said.count("Traceback") == (1 if how == signal.SIGINT else 0)  # the parent's own


def wait_for(seen: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
