"""A package holds what prediction needs, the same bytes each time, and no pickle."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from sn7ml.core.errors import ModelError, ParamsError, Sn7Error
from sn7ml.learn.models import build_model
from sn7ml.learn.package import Package, joined, load_package, save_package
from sn7ml.package_files import (
    CONFIG,
    HISTORY,
    USAGE,
    WEIGHTS,
    package_digest,
    read_history,
    read_usage,
    write_usage,
)
from sn7ml.params import ModelImages, ModelParams, PartStretch, SceneStretch, Usage, load_params
from tests.learn.toy import OUTPUT, RECIPE, windows
from tests.raising import raises

ROOT = Path(__file__).resolve().parents[2]
SMALL = RECIPE.model_copy(
    update={"model": ModelParams(architecture="FPN", encoder="tu-mobilenetv3_small_050", weights=None)}
)


@pytest.fixture(scope="module")
def package() -> Package:
    torch.manual_seed(1)
    networks = [
        build_model(SMALL.model, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for _ in range(2)
    ]
    return Package(SMALL, *OUTPUT, 3, tuple(network.state_dict() for network in networks))


def test_what_was_saved_is_read_back_and_answers_alike(package: Package, tmp_path: Path) -> None:
    save_package(tmp_path / "model", package)
    found = load_package(tmp_path / "model")
    assert (found.recipe, found.upsampling) == (package.recipe, 3)
    image = torch.randn(1, 3, 64, 64)
    answers = []
    for read, given, back, network in zip(
        found.weights, package.weights, found.networks(), package.networks(), strict=True
    ):
        assert set(read) == set(given)
        assert all(torch.equal(tensor, given[name]) for name, tensor in read.items())
        answers.append(back.eval()(image))
        assert torch.equal(answers[-1], network.eval()(image))
    assert not torch.equal(*answers)  # two networks, each with its own weights


def test_a_package_without_folds_has_one_network_of_each(package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    assert load_package(tmp_path).folds == 1
    config = yaml.safe_load((tmp_path / CONFIG).read_text())
    del config["folds"]
    (tmp_path / CONFIG).write_text(yaml.safe_dump(config))
    assert load_package(tmp_path).folds == 2


@pytest.mark.parametrize("column", ["network", "fold"])
def test_a_history_is_read_whatever_its_networks_were_called(tmp_path: Path, column: str) -> None:
    (tmp_path / HISTORY).write_text(f"epoch,val_iou,{column}\n1,0.25,1\n1,0.5,2\n")
    assert read_history(tmp_path).to_dict("list") == {
        "epoch": [1, 1], "val_iou": [0.25, 0.5], "network": [1, 2], "val_score": [0.25, 0.5]
    }  # fmt: skip


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "true", "'2'", "[1]"])
def test_folds_that_are_no_number_are_refused(package: Package, tmp_path: Path, value: str) -> None:
    save_package(tmp_path, package)
    (tmp_path / CONFIG).write_text((tmp_path / CONFIG).read_text().replace("folds: 1", f"folds: {value}"))
    with raises(ModelError, "package.folds", tmp_path / CONFIG, 1):
        load_package(tmp_path)


@pytest.mark.parametrize(
    "channels", [[], "roof", ["roof", "roof"], [1, 2], ["a\nb"], ["x" * 65], [f"c{n}" for n in range(257)]]
)
def test_channels_that_are_no_names_are_refused(channels: object, package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    config = yaml.safe_load((tmp_path / CONFIG).read_text(encoding="utf-8"))
    (tmp_path / CONFIG).write_text(yaml.safe_dump(config | {"channels": channels}), encoding="utf-8")
    with raises(ModelError, "package.channels", tmp_path):
        load_package(tmp_path)


@pytest.mark.parametrize("activation", ["softplus", None, 1, ["sigmoid"]])
def test_an_activation_that_nobody_applies_is_refused(activation: object, package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    config = yaml.safe_load((tmp_path / CONFIG).read_text(encoding="utf-8"))
    (tmp_path / CONFIG).write_text(yaml.safe_dump(config | {"activation": activation}), encoding="utf-8")
    with raises(ModelError, "package.activation", tmp_path, "sigmoid"):
        load_package(tmp_path)


def test_the_same_package_gives_the_same_bytes_and_another_one_another_digest(package: Package, tmp_path: Path) -> None:
    first, second = package.weights
    turned = Package(SMALL, *OUTPUT, 3, (dict(reversed(first.items())), second))
    other = Package(SMALL, *OUTPUT, 3, (first, second | {"segmentation_head.0.bias": torch.ones(3)}))
    for name, one in {"a": package, "b": turned, "c": other, "d": Package(SMALL, *OUTPUT, 2, package.weights)}.items():
        save_package(tmp_path / name, one)
    for name in (WEIGHTS, CONFIG):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    digests = [package_digest(tmp_path / name) for name in "abcd"]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    assert all(len(digest) == 16 and int(digest, 16) >= 0 for digest in digests)


def test_how_a_model_is_used_belongs_to_what_names_it(package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    assert read_usage(tmp_path) is None
    bare = package_digest(tmp_path)
    params = load_params(ROOT / "params.yaml")
    digests = []
    for batch_size in (2, 3, 2):
        usage = Usage(predict=windows(batch_size=batch_size), output=params.output)
        write_usage(tmp_path, usage)
        assert read_usage(tmp_path) == usage
        digests.append(package_digest(tmp_path))
    assert digests[0] == digests[2]
    assert len({bare, *digests}) == 3
    assert load_package(tmp_path).recipe == package.recipe


@pytest.mark.parametrize(
    ("content", "error", "code", "faults"),
    [
        (b"\xff", ModelError, "package.unreadable", []),
        (b"[1, 2", ModelError, "package.unreadable", []),
        (b"predict: 3", ParamsError, "package.other-version", ["params.invalid"]),
    ],
)
def test_a_damaged_usage_is_named(
    content: bytes, error: type[Sn7Error], code: str, faults: list[str], tmp_path: Path
) -> None:
    (tmp_path / USAGE).write_bytes(content)
    with raises(error, code, tmp_path, faults=faults):
        read_usage(tmp_path)


def test_a_package_is_two_files_and_neither_is_a_pickle(package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    assert sorted(path.name for path in tmp_path.iterdir()) == [CONFIG, WEIGHTS]
    header = (tmp_path / WEIGHTS).read_bytes()
    assert header[8:9] == b"{"  # safetensors: eight bytes of length, then JSON
    assert b"\x80\x02" not in header[:100]
    assert header[:2] != b"PK"


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_a_package_without_one_of_its_files_is_refused(name: str, package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    (tmp_path / name).unlink()
    with raises(ModelError, "package.unreadable", tmp_path, "`dvc repro train`"):
        load_package(tmp_path)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"\xff" * 64 + b[64:], lambda _: b""])
def test_damaged_weights_are_refused(damage: object, package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    assert callable(damage)
    (tmp_path / WEIGHTS).write_bytes(damage((tmp_path / WEIGHTS).read_bytes()))
    with raises(ModelError, "package.unreadable", tmp_path, "`dvc repro train`"):
        load_package(tmp_path)


@pytest.mark.parametrize("text", ["", "[1, 2]", "upsampling: 3", "a: [", "recipe: {}"])
def test_a_damaged_description_is_refused(text: str, package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    (tmp_path / CONFIG).write_text(text, encoding="utf-8")
    with raises(ModelError, "package.unreadable", tmp_path, "`dvc repro train`"):
        load_package(tmp_path)


def test_upsampling_below_one_is_refused(package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, Package(SMALL, *OUTPUT, 0, package.weights))
    with raises(ModelError, "package.upsampling", tmp_path / CONFIG, 1, 8, 0):
        load_package(tmp_path)


def test_an_unknown_key_in_the_recipe_is_named(package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    config = yaml.safe_load((tmp_path / CONFIG).read_text(encoding="utf-8"))
    config["recipe"]["loss"]["hinge"] = 1.0
    (tmp_path / CONFIG).write_text(yaml.safe_dump(config), encoding="utf-8")
    with raises(ParamsError, "package.other-version", tmp_path / CONFIG, "loss.hinge", faults=["params.invalid"]):
        load_package(tmp_path)


def test_weights_of_another_network_are_refused(package: Package) -> None:
    model = ModelParams(architecture="Unet", encoder="tu-mobilenetv3_small_050", weights=None)
    wrong = Package(SMALL.model_copy(update={"model": model}), *OUTPUT, 3, package.weights)
    with raises(ModelError, "package.weights-misfit", "'Unet'"):
        wrong.networks()


def test_networks_of_one_recipe_join_in_order(package: Package) -> None:
    one, two = (Package(SMALL, *OUTPUT, 3, (weights,)) for weights in package.weights)
    assert joined([one, two], folds=1) == package


def test_code_of_this_project_reads_no_pickle_of_others() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in Path("sn7ml").resolve().rglob("*.py")}
    loads = {name: text.count("torch.load(") for name, text in sources.items() if "torch.load(" in text}
    assert loads == {"checkpoint.py": 1, "models.py": 1}
    assert all(sources[name].count("weights_only=True") == count for name, count in loads.items())


def test_a_package_keeps_what_its_images_were_and_the_unit_of_distances(package: Package, tmp_path: Path) -> None:
    images = ModelImages(
        stretch={
            "Vegas": PartStretch(low=(1.0, 2.0, 3.0), high=(400.0, 500.0, 600.0)),
            "": SceneStretch(low_percent=0.5, high_percent=99.0),
        },
        pixel_height_m=(0.3, 0.3),
        pixel_width_m=(0.2, 0.25),
    )
    save_package(tmp_path, replace(package, images=images, unit_m=16.0, activation="distance"))
    found = load_package(tmp_path)
    assert (found.images, found.unit_m) == (images, 16.0)


def test_a_package_of_images_that_were_not_converted_has_no_word_on_them(package: Package, tmp_path: Path) -> None:
    save_package(tmp_path, package)
    keys = ["activation", "channels", "folds", "recipe", "upsampling"]
    assert list(yaml.safe_load((tmp_path / CONFIG).read_text())) == keys


@pytest.mark.parametrize(("activation", "unit"), [("distance", None), ("distance", -1.0), ("sigmoid", 16.0)])
def test_a_unit_that_does_not_go_with_the_activation_is_refused(
    activation: str, unit: float | None, package: Package, tmp_path: Path
) -> None:
    save_package(tmp_path, package)
    config = yaml.safe_load((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(yaml.safe_dump(config | {"activation": activation, "unit_m": unit}))
    with raises(ModelError, "package.unit", tmp_path / CONFIG):
        load_package(tmp_path)
