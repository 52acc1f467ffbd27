"""Batch normalisation goes the wanted part of the way to the frame, and nothing else of a network changes."""

import pytest
import torch
from torch import Tensor, nn

from sn7ml.learn.predict import adapted

FRAME = torch.tensor([2.0, 6.0]).repeat(8).reshape(2, 2, 2, 2)
"""Two images of two channels: each channel has mean 4 and, over its 8 numbers, variance 8 * 4 / 7."""


def trained(*layers: nn.Module) -> nn.Module:
    """A network that saw mean 1 and variance 9."""
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.fill_(1)
            layer.running_var.fill_(9)
    return nn.Sequential(*layers).eval()


@pytest.mark.parametrize(
    ("share", "mean", "variance"), [(0, 1, 9), (0.25, 1.75, 0.75 * 9 + 8 / 7), (0.5, 2.5, 4.5 + 16 / 7), (1, 4, 32 / 7)]
)
def test_statistics_go_a_share_of_the_way(share: float, mean: float, variance: float) -> None:
    network = trained(nn.BatchNorm2d(2))
    (layer,) = adapted(network, [FRAME, FRAME], share).children()
    torch.testing.assert_close(layer.running_mean, torch.full((2,), float(mean)))
    torch.testing.assert_close(layer.running_var, torch.full((2,), float(variance)))


def test_the_network_that_was_trained_is_left_as_it_was() -> None:
    network = trained(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.Dropout())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    follower = adapted(network, [FRAME], 0.5)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module.training for module in [*network.modules(), *follower.modules()])
    learned = dict(follower.named_parameters())
    assert all(torch.equal(value, learned[name]) for name, value in network.named_parameters())


def test_dropout_does_not_make_it_a_matter_of_luck() -> None:
    network = trained(nn.Dropout(), nn.BatchNorm2d(2))

    def statistics() -> Tensor:
        mean = adapted(network, [FRAME], 1.0).get_buffer("1.running_mean")
        assert mean is not None
        return mean

    one, drawn = statistics(), torch.rand(1)
    torch.manual_seed(int(drawn * 1000))
    assert torch.equal(one, statistics())


def test_a_network_without_batch_normalisation_is_what_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.GroupNorm(1, 2)).eval()
    assert torch.equal(adapted(network, [FRAME], 1.0)(FRAME), network(FRAME))
