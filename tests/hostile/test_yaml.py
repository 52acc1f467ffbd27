"""YAML that is small and asks for much, or says one thing twice; params, recipes, packages, data.dvc."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from sn7ml.cli.project import read_data_file
from sn7ml.core.errors import CatalogError, ModelError, ParamsError
from sn7ml.core.safe_files import plain_name, read_yaml
from sn7ml.package_files import CONFIG, USAGE, read_config, read_usage
from sn7ml.params import load_params
from sn7ml.runs.provenance import UNKNOWN, data_md5
from tests.hostile.readers import ROOT, write_config, write_usage
from tests.raising import raises

LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
)

BAD = {
    "aliases": (LAUGHS, "*name"),
    "an alias to itself": ("&a [*a]", "aliases"),
    "a tag of Python": ("!!python/object/apply:os.system ['touch evil']", "python/object/apply:os.system"),
    "a tag of Python's module": ("a: !!python/module:os", "python/module:os"),
    "a key twice": ("split: {}\nsplit: {}\n", "['split']"),
    "a key twice further down": ("split: {seed: 1, seed: 2}", "['seed']"),
    "lists in lists": ("[" * 5_000, "too deep"),
    "maps in maps": ("{a: " * 5_000, "too deep"),
    "blocks in blocks": ("\n".join(" " * n + "a:" for n in range(600)), "too deep"),
    "a day that is none": ("a: 2020-13-45", "month must be in 1..12"),
    "an int that is none": ("a: !!int many", "invalid literal"),
    "a float that is none": ("a: !!float many", "could not convert"),
    "a bool that is none": ("a: !!bool perhaps", "perhaps"),
    "a time that is none": ("a: !!timestamp now", "NoneType"),
    "a binary that is none": ("a: !!binary é", "base64"),
    "an int of 5000 digits": ("a: " + "7" * 5_000, "4300 digits"),
    "a list as a key": ("? [a, b]\n: c", "unhashable"),
    "two documents": ("a: 1\n---\nb: 2\n", "single document"),
    "tabs": ("a:\n\t- b", "cannot start any token"),
    "a NUL": ("a: \0", "special characters"),
    "half a quote": ('a: "b', "end of stream"),
    "bytes": (b"a: \xff", "0xff"),
}  # fmt: skip


@pytest.fixture
def usual_depth() -> Iterator[None]:
    """Python's own limit of recursion: libraries that other tests load raise it."""
    raised = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(raised)


@pytest.mark.usefixtures("usual_depth")
@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_it_is_refused_in_words(content: str | bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with raises(ParamsError, "params.not-yaml", path, message):
        load_params(path)
    assert not Path("evil").exists()
    for name, read in ((CONFIG, read_config), (USAGE, read_usage)):
        (tmp_path / name).write_bytes(path.read_bytes())
        with raises(ModelError, "package.unreadable", tmp_path, message):
            read(tmp_path)


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("# " + "x" * 300_000 + "\na: 1\n")
    with raises(ParamsError, "params.cannot-read", tmp_path / "params.yaml", "300,", 262_144):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.yaml"), *ROOT.glob("configs/*.yaml"), ROOT / "data.dvc", ROOT / "dvc.lock"]
)
def test_the_projects_own_files_are_read_as_yaml_reads_them(path: Path) -> None:
    assert read_yaml(path) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("tiling", {"size_px": 3_200_000}),
        ("predict", {"tile_px": 3_200_000}),
        ("predict", {"batch_size": 10**9}),
        ("tiling", {"upsampling": 10**9}),
        ("split", {"validation_fraction": float("nan")}),
        ("predict", {"adaptation": float("inf")}),
        ("split", {1: 2}),
        ("split", {None: 2}),
        ("split", {(): 2}),
        ("split", {"\ud800": 2}),
        ("split", 7),
        ("split", [[[]]]),
    ],
)  # fmt: skip
def test_values_that_would_cost_all_memory_or_mean_nothing_are_named(
    section: str, values: object, tmp_path: Path
) -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content[section] = content[section] | values if isinstance(values, dict) else values
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with raises(ParamsError, ("params.invalid", "params.not-yaml"), tmp_path / "params.yaml"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("value", ["0", "-3", "9", "1000000000", "3.0", "true", '"3"', "null", "[3]", ".nan"])
def test_a_package_with_another_up_sampling_than_1_to_8_is_refused(value: str, tmp_path: Path) -> None:
    write_config(tmp_path / CONFIG)
    text = (tmp_path / CONFIG).read_text()
    assert read_config(tmp_path).upsampling == 3
    (tmp_path / CONFIG).write_text(re.sub("upsampling: 3", f"upsampling: {value}", text))
    with raises(ModelError, "package.upsampling", tmp_path / CONFIG, 1, 8):
        read_config(tmp_path)


def test_a_usage_that_asks_for_giant_windows_is_refused(tmp_path: Path) -> None:
    write_usage(tmp_path / USAGE)
    content = yaml.safe_load((tmp_path / USAGE).read_text())
    content["predict"]["tile_px"] = 320_000
    (tmp_path / USAGE).write_text(yaml.safe_dump(content))
    with raises(
        ParamsError, "package.other-version", tmp_path / USAGE, 1, "predict.tile_px", 2048, faults=["params.invalid"]
    ):
        read_usage(tmp_path)


SET = "{aois: 1, months: 1, size_px: 64, seed: 7}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "project.data-damaged"),
        ("[1]", "project.data-damaged"),
        ("outs: []", "project.data-damaged"),
        ("outs: [{md5: 1}]\nmeta: 7", "project.data-damaged"),
        (LAUGHS, "project.data-damaged"),
        (f"outs: [{{md5: 1}}]\nmeta: {{synthetic: {SET[:-1]}, more: 1}}}}", "project.data-recipe"),
        ("outs: [{md5: 1}]\nmeta: {synthetic: {aois: 1}}", "project.data-recipe"),
        (f"outs: [{{md5: 1}}]\nmeta: {{synthetic: {SET.replace('7', 'x')}}}", "project.data-recipe"),
        ("outs: [{md5: 1}]\nmeta: {synthetic: 7}", "project.data-recipe"),
    ],
)
def test_a_damaged_data_file_is_named(text: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.dvc").write_text(text)
    monkeypatch.chdir(tmp_path)
    with raises(CatalogError, code, "data.dvc"):
        read_data_file()


@pytest.mark.parametrize("spoil", [lambda path: path.mkdir(), lambda path: path.write_text(LAUGHS)])
def test_where_a_run_came_from_is_unknown_by_a_damaged_data_file(
    spoil: Callable[[Path], object], tmp_path: Path
) -> None:
    spoil(tmp_path / "data.dvc")
    assert data_md5(tmp_path) == UNKNOWN


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/etc", "../a", "a\\b", "a\0", "é", "a\n", "-a", "x" * 201, 7, None]
)
def test_names_that_lead_elsewhere_are_refused(name: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name!r:.80}")):
        plain_name(name)
