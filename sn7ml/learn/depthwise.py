"""Depthwise convolutions in float32: oneDNN's backward pass of them in bfloat16 is up to nine times slower on a CPU."""

import torch
from torch import Tensor, nn


def exact_depthwise(network: nn.Module) -> None:
    """Make the depthwise convolutions of a network compute in float32 whatever autocast says; the rest stays as it is.

    Their output has the input's type again. Nothing changes without autocast, and weights keep their names. Changes the
    network itself.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            _wrap(module)


def _wrap(module: nn.Conv2d) -> None:
    plain = module.forward

    def forward(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return plain(x.float()).to(x.dtype)

    module.forward = forward  # type: ignore[method-assign]
