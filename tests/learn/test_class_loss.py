"""The loss of classes: logarithms worked out by hand; what is unknown adds nothing and gets no gradient."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from sn7ml.core.errors import ModelError
from sn7ml.learn.losses import ClassLoss
from sn7ml.params import LossParams, TargetParams
from sn7ml.params.recipe import CLASS_LOSSES
from sn7ml.targets import target_of
from tests.raising import raises

NAMES = ("sea", "sand")
TARGET = target_of(TargetParams.model_validate({"kind": "classes", "classes": {"names": NAMES}}))
OFF: dict[str, Any] = dict.fromkeys(("bce", "dice", "focal", "jaccard", "lovasz", "cross_entropy"), 0.0)


def loss_of(shares: tuple[float, float] = (0.5, 0.5), sea: float = 1.0, sand: float = 1.0, **terms: Any) -> ClassLoss:
    params = LossParams(**{**OFF, **terms}, channels={"sand": sand, "sea": sea})
    return ClassLoss(params, TARGET, shares)


def term_alone(term: str) -> ClassLoss:
    return ClassLoss(LossParams(**{**OFF, term: 1.0}, channels={"sand": 1.0, "sea": 1.0}), TARGET, (0.5, 0.5))


def batch(*true: int) -> tuple[Tensor, Tensor, Tensor]:
    """A row of pixels whose output is (log 3, 0): three quarters for the sea; 255 is unknown."""
    width = len(true)
    logits = torch.tensor([math.log(3), 0.0]).view(1, 2, 1, 1).repeat(1, 1, 1, width)
    number = torch.tensor(true).view(1, 1, width)
    target = torch.stack([number == 0, number == 1], dim=1).float()
    return logits.requires_grad_(), target, number != 255


def test_cross_entropy_is_the_mean_over_known_pixels() -> None:
    logits, target, valid = batch(0, 1, 255)
    loss = loss_of(cross_entropy=1.0)(logits, target, valid)
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[..., 2].abs().max() == 0
    assert logits.grad[..., :2].abs().min() > 0


def test_a_pixel_weighs_as_much_as_its_class() -> None:
    loss = loss_of(sea=3.0, cross_entropy=1.0)(*batch(0, 1))
    assert loss.item() == pytest.approx((3 * math.log(4 / 3) + math.log(4)) / 4)


def test_median_frequency_makes_rare_classes_count() -> None:
    """Shares .9 and .1 with the median .1 (the lower of two): weights 1/9 and 1."""
    loss = loss_of((0.9, 0.1), cross_entropy=1.0, balance="median_frequency")(*batch(0, 1))
    assert loss.item() == pytest.approx((math.log(4 / 3) / 9 + math.log(4)) / (1 / 9 + 1), rel=1e-5)


def test_a_class_without_training_pixels_weighs_nothing() -> None:
    loss = loss_of((1.0, 0.0), cross_entropy=1.0, balance="median_frequency")(*batch(0, 1))
    assert loss.item() == pytest.approx(math.log(4 / 3))
    only = loss_of((1.0, 0.0), cross_entropy=1.0, balance="median_frequency")(*batch(1, 1))
    assert only.item() == 0.0


@pytest.mark.parametrize("term", CLASS_LOSSES)
def test_every_term_falls_with_the_right_answer_and_ignores_the_unknown(term: str) -> None:
    loss = term_alone(term)
    right, wrong = batch(0, 0), batch(1, 1)
    assert 0 <= loss(*right).item() < loss(*wrong).item()
    with_unknown = batch(0, 0, 255)
    assert loss(*with_unknown).item() == pytest.approx(loss(*right).item(), rel=1e-5)


@pytest.mark.parametrize("term", CLASS_LOSSES)
def test_nothing_known_is_no_loss(term: str) -> None:
    logits, target, valid = batch(255, 255)
    loss = term_alone(term)(logits, target, valid)
    loss.backward()
    assert loss.item() == 0.0


def test_a_loss_of_masks_is_refused() -> None:
    with raises(ModelError, "model.loss-target-misfit", "bce"):
        loss_of(bce=1.0)
