"""Packages of models that others made: no code runs, nothing is built that their weights do not fill."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from sn7ml.core.errors import ModelError, Sn7Error
from sn7ml.learn import package as packages
from sn7ml.learn.models import build_model
from sn7ml.learn.package import Package, load_package, save_package
from sn7ml.package_files import CONFIG, WEIGHTS
from sn7ml.params import ModelParams
from tests.hostile.test_no_such_file import SPOILS
from tests.learn.toy import OUTPUT, RECIPE
from tests.raising import raises

SMALL = RECIPE.model_copy(
    update={"model": ModelParams(architecture="FPN", encoder="tu-mobilenetv3_small_050", weights=None)}
)


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return build_model(SMALL.model, 3).state_dict()


@pytest.fixture
def folder(weights: dict[str, Tensor], tmp_path: Path) -> Path:
    save_package(tmp_path / "model", Package(SMALL, *OUTPUT, 3, (weights,)))
    return tmp_path / "model"


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_a_file_that_is_none_is_named_with_its_folder(name: str, spoil: Callable[[Path], None], folder: Path) -> None:
    (folder / name).unlink()
    spoil(folder / name)
    with raises(ModelError, "package.unreadable", folder):
        load_package(folder)


def with_header(folder: Path, header: object, content: bytes = b"") -> None:
    text = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + content)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"0.a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}},
        {"0.a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"0.a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}},
        {"0.a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 0]}},
        {key: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for key in ("0.a", "0.b")},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        {"1.a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        {"-1.a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        {"00.a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        {"².a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        {"0.a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        [1, 2],
    ],
    ids=str,
)  # fmt: skip
def test_weights_that_are_none_are_refused(header: object, folder: Path) -> None:
    with_header(folder, header, b"\0\0\0\0")
    with raises(ModelError, ("package.unreadable", "package.weights-misfit"), folder):
        load_package(folder)


def test_a_header_that_claims_a_giant_length_is_refused(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 2**63) + b"{}")
    with raises(ModelError, "package.unreadable", folder):
        load_package(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value: float, weights: dict[str, Tensor], folder: Path) -> None:
    name = next(name for name, tensor in weights.items() if tensor.is_floating_point())
    save_package(folder, Package(SMALL, *OUTPUT, 3, (weights | {name: torch.full_like(weights[name], value)},)))
    with raises(ModelError, "package.unreadable", folder, f"'0.{name}'"):
        load_package(folder)


def rewrite(folder: Path, **model: object) -> None:
    content = yaml.safe_load((folder / CONFIG).read_text())
    content["recipe"]["model"] |= model
    (folder / CONFIG).write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    "model",
    [
        {"encoder": "tu-hf-hub:someone/something"},
        {"encoder": "hf-hub:someone/something"},
        {"encoder": "../../etc/passwd"},
        {"encoder": "tu-"},
        {"encoder": ""},
        {"encoder": "x" * 100_000},
        {"architecture": "__import__('os')"},
        {"architecture": ""},
        {"architecture": "Unet", "encoder": "tu-vit_gigantic_patch14_224"},
    ],
    ids=str,
)
def test_a_recipe_that_names_something_else_is_refused(model: dict[str, object], folder: Path) -> None:
    rewrite(folder, **model)
    with pytest.raises(Sn7Error) as caught:
        load_package(folder).networks()
    assert len(str(caught.value)) < 200_000


def test_a_network_of_gigabytes_is_refused_before_it_is_built(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(folder, architecture="FPN", encoder="tu-convnext_xxlarge")  # 850 million weights: 3.4 GB
    devices = []

    def watched(params: ModelParams, channels: int) -> torch.nn.Module:
        devices.append(torch.get_default_device().type)
        return build_model(params, channels)

    monkeypatch.setattr(packages, "bare_model", watched)
    with raises(ModelError, "package.weights-misfit", folder, "convnext_xxlarge", 0):
        load_package(folder)
    assert devices == ["meta"]


def test_the_good_package_is_loaded(folder: Path) -> None:
    assert len(load_package(folder).networks()) == 1
