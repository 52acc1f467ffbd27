"""Depthwise convolutions in float32: oneDNN's backward pass of them in bfloat16 is up to nine times slower on a CPU."""

from types import MethodType

import torch
from torch import Tensor, nn


def exact_depthwise(network: nn.Module) -> None:
    """Make the depthwise convolutions of a network compute in float32 whatever autocast says; the rest stays as it is.

    Their output has the input's type again. Nothing changes without autocast, weights keep their names, and copies of the
    network do the same. Changes the network itself.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            # A bound method, since deepcopy binds it to the copy; a closure would go on with the weights of the original.
            module.forward = MethodType(_in_float32, module)  # type: ignore[method-assign]


def _in_float32(module: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return type(module).forward(module, x.float()).to(x.dtype)
