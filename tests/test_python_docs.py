"""docs/python.md: its examples run in order and print what stands below them. Run as a program, it writes that anew."""

import contextlib
import io
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

import sn7ml
from pipelines.promote import training_profile
from sn7ml.flow.data import Data
from sn7ml.package_files import DATA_PROFILE, write_usage
from sn7ml.registry.versions import CHAMPION, register
from sn7ml.runs.runs import create_run
from sn7ml.runs.store import FINAL, open_store

ROOT = Path(__file__).resolve().parents[1]
PAGE, PICTURE = ROOT / "docs" / "python.md", ROOT / "docs" / "img" / "python-frame.png"
EXAMPLE = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?", re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")
ADDRESS = "models:/sn7-buildings@champion"


def examples() -> list[re.Match[str]]:
    return list(EXAMPLE.finditer(PAGE.read_text(encoding="utf-8")))


def run(code: str, names: dict[str, Any]) -> str:
    """Run an example with the names of those before it; return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(PAGE), "exec"), names)
    return printed.getvalue()


def enthrone(data: Data, names: dict[str, Any]) -> None:
    """Make the trained model champion, as ``dvc repro`` would: with its usage and its data profile."""
    package = shutil.copytree(Path("model"), Path("package"))
    write_usage(package, names["model"].usage)
    profile = training_profile(data.root, data.scenes, Path("tiles"))
    (package / DATA_PROFILE).write_text(profile.model_dump_json())
    name, _, alias = ADDRESS.removeprefix("models:/").partition("@")
    assert alias == CHAMPION
    store = open_store()
    version = register(store, package, name, create_run(store, FINAL, "docs", {}, {}).run_id)
    store.client.set_registered_model_alias(name, alias, version.version)


def outputs(folder: Path) -> list[str]:
    """Run all examples in a folder that is the current one; return what each prints."""
    shutil.copy(ROOT / "params.yaml", folder)
    (folder / "dvc.yaml").touch()  # a project, so that it has a registry of its own
    names: dict[str, Any] = {}
    printed = []
    for example in examples():
        if ADDRESS in example["code"]:
            enthrone(names["data"], names)
        printed.append(run(example["code"], names))
    return printed


def test_every_name_is_shown() -> None:
    code = "\n".join(example["code"] for example in examples())
    assert [name for name in dir(sn7ml) if name != "__version__" and f"sn7ml.{name}" not in code] == []


@pytest.mark.slow
@pytest.mark.usefixtures("serial")
def test_every_example_prints_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers may differ a little: another processor trains another network."""
    for variable in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    for example, printed in zip(examples(), outputs(tmp_path), strict=True):
        told = example["output"] or ""
        assert NUMBER.sub("#", printed) == NUMBER.sub("#", told)
        numbers, expected = ([float(text) for text in NUMBER.findall(words)] for words in (printed, told))
        assert numbers == pytest.approx(expected, rel=0.1, abs=0.1)


def main() -> None:
    """Write what the examples print, and their picture, into the page."""
    os.environ["SN7ML_EXECUTOR"] = "serial"
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        printed = iter(outputs(Path(folder)))
        shutil.copy("frame.png", PICTURE)

    def filled(example: re.Match[str]) -> str:
        output = next(printed)
        return f"```python\n{example['code']}```\n" + (f"\n```text\n{output}```\n" if output else "")

    PAGE.write_text(EXAMPLE.sub(filled, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
