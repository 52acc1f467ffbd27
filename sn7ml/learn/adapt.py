"""Networks that follow the land before them: batch normalisation moved towards the statistics of one frame."""

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn


def adapted(network: nn.Module, batches: Iterable[Tensor], share: float) -> nn.Module:
    """Copy a network whose batch normalisation takes ``share`` of its statistics from these batches, the rest from training.

    Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", NeurIPS 2020
    (their N and n give the share n / (N + n)).

    Parameters
    ----------
    network
        Left as it is. One without batch normalisation is copied unchanged.
    batches
        As the network takes them, (batch, channels, rows, cols), with two images or more each: a network that pools whole images
        has nothing to compare in a batch of one.
    share
        In [0, 1].

    Returns
    -------
    nn.Module
        In evaluation mode. The same batches give the same statistics: dropout draws from a seed of its own.
    """
    follower = deepcopy(network)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        update_bn(batches, follower)
    follower.eval()
    for own, trained in zip(_normalisations(follower), _normalisations(network), strict=True):
        for name in ("running_mean", "running_var"):
            getattr(own, name).lerp_(getattr(trained, name), 1 - share)
    return follower


def _normalisations(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
