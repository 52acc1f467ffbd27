"""SegNet: VGG16 by its tensors, and a decoder that puts maxima back where they stood."""

import pytest
import torch
import torchvision
from torch import nn

from sn7ml.core.errors import ModelError
from sn7ml.learn.models import build_model
from sn7ml.learn.segnet import SegNet
from sn7ml.params import ModelParams
from tests.raising import raises


def segnet(encoder: str = "vgg16_bn", weights: str | None = None) -> ModelParams:
    return ModelParams(architecture="SegNet", encoder=encoder, weights=weights)


def test_the_encoder_has_the_13_convolutions_and_the_tensors_of_torchvisions_vgg16() -> None:
    network = build_model(segnet(), 5)
    assert isinstance(network, SegNet)
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.encoder) == 13
    wanted = torchvision.models.vgg16_bn().features.state_dict()
    assert {name: tensor.shape for name, tensor in network.encoder.state_dict().items()} == {
        name: tensor.shape for name, tensor in wanted.items()
    }
    network.encoder.load_state_dict(wanted)


def test_the_decoder_mirrors_the_encoder() -> None:
    network = SegNet("vgg16_bn", 5)
    down = [(layer.in_channels, layer.out_channels) for layer in network.encoder if isinstance(layer, nn.Conv2d)]
    up = [(it.in_channels, it.out_channels) for it in network.decoder.modules() if isinstance(it, nn.Conv2d)]
    assert up == [(after, before) for before, after in reversed(down[1:])] + [(64, 5)]


@pytest.mark.parametrize("size", [(32, 64), (70, 33)])
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    network = SegNet("vgg11_bn", 3).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, *size)).shape == (2, 3, *size)


def test_maxima_return_to_their_places() -> None:
    """With decoders that change nothing, only the places where a maximum stood are not 0."""
    network = SegNet("vgg11_bn", 64).eval()
    pool = next(layer for layer in network.encoder if isinstance(layer, nn.MaxPool2d))
    network.encoder = nn.Sequential(pool)
    network.decoder = nn.ModuleList([nn.Identity()])
    image = torch.zeros(1, 1, 4, 4)
    image[0, 0, 1, 2], image[0, 0, 3, 0] = 5.0, 7.0
    found = network(image)
    assert found[0, 0, 1, 2] == 5
    assert found[0, 0, 3, 0] == 7
    assert found.sum() == 12


def test_an_encoder_that_is_no_vgg_is_refused() -> None:
    with raises(ModelError, "model.encoder-misfit", "resnet34", "vgg16_bn"):
        build_model(segnet("resnet34"), 5)
