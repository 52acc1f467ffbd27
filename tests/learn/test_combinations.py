"""Every network of a large search space with every loss: it takes a step, or says why it cannot."""

import math
import re

import pytest
import torch

from sn7ml.errors import ModelError
from sn7ml.learn.fit import build_optimiser
from sn7ml.learn.losses import CombinedLoss
from sn7ml.learn.models import BUNDLED, CHANNELS, build_model, check_side
from sn7ml.params import LossParams, ModelParams, OptimiserParams

ARCHITECTURES = ("Unet", "UnetPlusPlus", "FPN", "DeepLabV3Plus", "Segformer", "MAnet", "PAN", "Linknet")
ENCODERS = ("resnet18", BUNDLED, "mobilenet_v2", "mit_b0")
LOSSES = ("bce", "dice", "focal", "jaccard", "lovasz", "tversky")
SIDE_PX = 128
"""The smallest that PAN takes with an encoder that strides by 32."""

INFEASIBLE: dict[tuple[str, str], str] = {}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_combination_takes_a_training_step_or_is_infeasible_for_a_reason(architecture: str, encoder: str) -> None:
    params = ModelParams(architecture=architecture, encoder=encoder, weights=None)
    if (architecture, encoder) in INFEASIBLE:
        with pytest.raises(ModelError, match=re.escape(INFEASIBLE[architecture, encoder])):
            check_side(build_model(params), params, SIDE_PX)
        return
    torch.manual_seed(7)
    network = build_model(params)
    check_side(network, params, SIDE_PX)
    optimiser = build_optimiser(network, OptimiserParams(learning_rate=0.01, weight_decay=0.01))
    image = torch.randn(2, 3, SIDE_PX, SIDE_PX)
    target = (torch.rand(2, CHANNELS, SIDE_PX, SIDE_PX) > 0.8).float()
    valid = torch.rand(2, SIDE_PX, SIDE_PX) > 0.1
    last = network.get_submodule("segmentation_head").get_parameter("0.weight")
    for name in LOSSES:
        before = last.detach().clone()
        loss = CombinedLoss(loss_params(name))(network(image), target, valid)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert math.isfinite(loss.item()), name
        assert not torch.equal(before, last), name


def loss_params(name: str) -> LossParams:
    weights = dict.fromkeys(LOSSES, 0.0) | {name: 1.0}
    return LossParams(**weights, footprint=1.0, boundary=0.3, contact=0.3)
