"""Every network of a large search space with every loss: it takes a step, or says why it cannot."""

import math
from typing import Any

import pytest
import torch

from sn7ml.core.errors import ModelError
from sn7ml.learn.fit import build_optimiser
from sn7ml.learn.losses import CombinedLoss
from sn7ml.learn.models import build_model, check_side
from sn7ml.params import BUNDLED, LossParams, ModelParams, OptimiserParams
from tests.learn import toy
from tests.learn.toy import TARGET
from tests.raising import raises

ARCHITECTURES = ("Unet", "UnetPlusPlus", "FPN", "DeepLabV3Plus", "Segformer", "MAnet", "PAN", "Linknet")
ENCODERS = ("resnet18", *BUNDLED, "mobilenet_v2", "mit_b0")
LOSSES = ("bce", "dice", "focal", "jaccard", "lovasz", "tversky")
INFEASIBLE = {
    ("UnetPlusPlus", "mit_b0"): "UnetPlusPlus is not support encoder_name=mit_b0",
    ("Linknet", "mit_b0"): "Encoder `mit_b0` is not supported for Linknet",
}
"""smp refuses these: Mix Transformers have no features at half the size, which those decoders want. In its words."""


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_combination_takes_a_training_step_or_is_infeasible_for_a_reason(architecture: str, encoder: str) -> None:
    params = ModelParams(architecture=architecture, encoder=encoder, weights=None)
    side_px = 128 if architecture == "PAN" else 64  # smaller, PAN's pyramid pools over less than a pixel
    if (architecture, encoder) in INFEASIBLE:
        with raises(ModelError, "model.encoder-misfit", INFEASIBLE[architecture, encoder]):
            build_model(params, len(toy.CHANNELS))
        return
    torch.manual_seed(7)
    network = build_model(params, len(toy.CHANNELS))
    check_side(network, params, side_px)
    optimiser = build_optimiser(network, OptimiserParams(learning_rate=0.01, weight_decay=0.01))
    image = torch.randn(2, 3, side_px, side_px)
    target = (torch.rand(2, len(toy.CHANNELS), side_px, side_px) > 0.8).float()
    valid = torch.rand(2, side_px, side_px) > 0.1
    last = network.get_submodule("segmentation_head").get_parameter("0.weight")
    for name in LOSSES:
        before = last.detach().clone()
        loss = CombinedLoss(loss_params(name), TARGET)(network(image), target, valid)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert math.isfinite(loss.item()), name
        assert not torch.equal(before, last), name


def loss_params(name: str) -> LossParams:
    weights: dict[str, Any] = dict.fromkeys(LOSSES, 0.0) | {name: 1.0}
    return LossParams(**weights, channels=toy.CHANNELS)
