"""Depthwise convolutions stay in float32 under autocast, and nothing else does."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from sn7ml.learn.models import exact_depthwise

FINE = 1 + 2**-10
"""A number that float32 holds exactly and bfloat16, with its 8 bits, rounds to 1."""


def identity(groups: int) -> nn.Conv2d:
    """Two channels in, the same two out, each times ``FINE``."""
    layer = nn.Conv2d(2, 2, 1, groups=groups, bias=False)
    with torch.no_grad():
        layer.weight.copy_(FINE * (torch.eye(2)[:, :, None, None] if groups == 1 else torch.ones(2, 1, 1, 1)))
    return layer


def through(layer: nn.Module, x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return layer(x)  # type: ignore[no-any-return]


def test_a_depthwise_layer_computes_in_float32_and_any_other_as_autocast_says() -> None:
    network = nn.Sequential(identity(groups=2), identity(groups=1))
    ones = torch.ones(1, 2, 3, 3)
    assert (through(network[0], ones) == 1).all()  # bfloat16 rounds the weight off
    exact_depthwise(network)
    assert (through(network[0], ones) == FINE).all()
    assert (through(network[1], ones) == 1).all()
    assert through(network[1], ones).dtype == torch.bfloat16


def test_its_output_has_the_type_of_its_input_so_that_layers_after_it_stay_fast() -> None:
    network = nn.Sequential(identity(groups=1), identity(groups=2))
    exact_depthwise(network)
    assert through(network, torch.ones(1, 2, 3, 3)).dtype == torch.bfloat16


def test_it_learns_and_a_copy_of_it_uses_its_own_weights() -> None:
    layer = identity(groups=2)
    exact_depthwise(nn.Sequential(layer))
    image = torch.arange(18.0).reshape(1, 2, 3, 3)
    through(layer, image).sum().backward()  # type: ignore[no-untyped-call]
    assert layer.weight.grad is not None
    assert layer.weight.grad.flatten().tolist() == [36, 117]  # 0 + ... + 8, 9 + ... + 17
    copy = deepcopy(layer)
    with torch.no_grad():
        copy.weight.mul_(2)
    assert torch.equal(through(copy, image), conv2d(image, 2 * layer.weight, groups=2))
    assert list(copy.state_dict()) == ["weight"]
