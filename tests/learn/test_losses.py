"""Losses worked out by hand, on tensors of a few numbers."""

from dataclasses import replace
from math import log
from typing import Any

import pytest
import torch
from torch import Tensor

from sn7ml.core.errors import ModelError
from sn7ml.learn.losses import CombinedLoss
from sn7ml.params import DistanceParams, LossParams, TargetParams
from sn7ml.params.recipe import BINARY_LOSSES
from sn7ml.targets import target_of
from tests.learn.toy import TARGET
from tests.raising import raises

TERMS = BINARY_LOSSES
OFF: dict[str, Any] = dict.fromkeys(TERMS, 0.0)


def loss_of(footprint: float = 1.0, boundary: float = 0.0, contact: float = 0.0, **terms: Any) -> CombinedLoss:
    """Terms that are not named are off; only the footprint counts unless channels are named."""
    channels = {"contact": contact, "footprint": footprint, "boundary": boundary}  # the target decides their order
    return CombinedLoss(LossParams(**{**OFF, **terms}, channels=channels), TARGET)


def row(*values: float) -> Tensor:
    """One tile of one row, the same in all three channels."""
    return torch.tensor(values).expand(1, 3, 1, len(values)).clone()


def known(*values: bool) -> Tensor:
    return torch.tensor([[values]])


ALL = known(True, True, True, True)

# Probabilities 1/2, 3/4, 1/4, 1/2 against truth 1, 1, 0, 0.
LOGITS = row(0.0, log(3), -log(3), 0.0)
TRUTH = row(1.0, 1.0, 0.0, 0.0)
BY_HAND = {
    "bce": -(log(1 / 2) + log(3 / 4) + log(3 / 4) + log(1 / 2)) / 4,
    "dice": 1 - 2 * (1 / 2 + 3 / 4) / (2 + 2),
    "focal": -2 * ((1 - 1 / 2) ** 2 * log(1 / 2) + (1 - 3 / 4) ** 2 * log(3 / 4)) / 4,
    "jaccard": 1 - (1 / 2 + 3 / 4) / (2 + 2 - 5 / 4),
    # Hinge errors 1, 1 - log 3 | 1 - log 3, 1; only the two ones are positive, one of them of a true pixel. With both
    # wrong, the true building of two pixels and the found one share 1 of 3: the Jaccard loss goes from 0 to 2/3 over
    # errors of 1.
    "lovasz": 2 / 3,
    "tversky": 1 - (5 / 4) / (5 / 4 + 0.3 * 3 / 4 + 0.7 * 3 / 4),
}


@pytest.mark.parametrize("term", TERMS)
def test_each_term_is_the_number_worked_out_on_paper(term: str) -> None:
    assert loss_of(**{term: 1.0})(LOGITS, TRUTH, ALL).item() == pytest.approx(BY_HAND[term], rel=1e-5)


def test_terms_add_up_with_their_weights() -> None:
    weights = {"bce": 2.0, "dice": 1.0, "focal": 4.0, "jaccard": 0.5, "lovasz": 3.0, "tversky": 0.25}
    loss = loss_of(**weights)(LOGITS, TRUTH, ALL)
    wanted = sum(weight * BY_HAND[name] for name, weight in weights.items())
    assert loss.item() == pytest.approx(wanted, rel=1e-5)


def test_channels_are_a_weighted_mean() -> None:
    logits = LOGITS.clone()
    logits[:, 1], logits[:, 2] = 30.0, -30.0
    truth = TRUTH.clone()
    truth[:, 1], truth[:, 2] = 1.0, 0.0  # boundary and contact are right, and cost nothing
    loss = loss_of(bce=1.0, footprint=2.0, boundary=1.0, contact=0.5)(logits, truth, ALL)
    assert loss.item() == pytest.approx(2 * BY_HAND["bce"] / 3.5, rel=1e-5)


def test_a_channel_without_weight_gets_no_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    loss_of(bce=1.0, dice=1.0, boundary=1.0)(logits, TRUTH, ALL).backward()
    assert logits.grad is not None
    assert logits.grad[:, :2].abs().min() > 0
    assert logits.grad[:, 2].abs().max() == 0


@pytest.mark.parametrize("term", TERMS)
def test_unknown_pixels_add_nothing_and_the_known_ones_count_as_if_alone(term: str) -> None:
    loss = loss_of(**{term: 1.0}, boundary=0.3, contact=0.3)
    alone = loss(LOGITS, TRUTH, ALL)
    logits = torch.cat([LOGITS, row(-7.0, 50.0)], dim=-1)
    truth = torch.cat([TRUTH, row(1.0, 0.0)], dim=-1)
    together = loss(logits, truth, known(True, True, True, True, False, False))
    assert together.item() == pytest.approx(alone.item(), rel=1e-6)


@pytest.mark.parametrize("term", TERMS)
def test_what_unknown_pixels_hold_changes_no_gradient(term: str) -> None:
    loss, valid = loss_of(**{term: 1.0}, boundary=0.3), known(True, False, True, False)
    gradients = []
    for wrong in (0.0, 3.0, -80.0, 1e4):
        logits, truth = LOGITS.clone(), TRUTH.clone()
        logits[..., [1, 3]], truth[..., [1, 3]] = wrong, float(wrong > 0)
        logits.requires_grad_()
        loss(logits, truth, valid).backward()
        assert logits.grad is not None
        assert logits.grad[..., [1, 3]].abs().max() == 0
        gradients.append(logits.grad)
    assert gradients[0].abs().max() > 0
    assert all(torch.equal(gradients[0], other) for other in gradients[1:])


def test_a_tile_that_is_wholly_unknown_costs_nothing() -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = loss_of(**dict.fromkeys(TERMS, 1.0))(logits, TRUTH, known(False, False, False, False))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


def test_ratios_are_of_sums_over_the_whole_batch_and_not_means_of_tiles() -> None:
    logits = torch.cat([row(30.0, 30.0), row(-30.0, 30.0)])
    truth = torch.cat([row(1.0, 1.0), row(1.0, 0.0)])
    valid = torch.ones(2, 1, 2, dtype=torch.bool)
    assert loss_of(dice=1.0)(logits, truth, valid).item() == pytest.approx(1 - 2 * 2 / (3 + 3))
    assert loss_of(jaccard=1.0)(logits, truth, valid).item() == pytest.approx(1 - 2 / 4)


def test_to_miss_a_building_costs_tversky_more_than_to_invent_one() -> None:
    sure = 30.0
    missed = loss_of(tversky=1.0)(row(sure, -sure, -sure, -sure), TRUTH, ALL)
    invented = loss_of(tversky=1.0)(row(sure, sure, sure, -sure), TRUTH, ALL)
    assert missed.item() == pytest.approx(1 - 1 / (1 + 0.7))
    assert invented.item() == pytest.approx(1 - 2 / (2 + 0.3))


def test_lovasz_charges_the_largest_error_first() -> None:
    # One true pixel, found with a hinge error of 1/2, and one that is none, with an error of 3/2. Alone, the second is
    # one pixel too many for a building of one: Jaccard loss 1/2 for its error of 3/2; then with the first nothing is
    # left of it: 1/2 more.
    loss = loss_of(lovasz=1.0)(row(0.5, 0.5), row(1.0, 0.0), known(True, True))
    assert loss.item() == pytest.approx(3 / 2 * 1 / 2 + 1 / 2 * 1 / 2)


@pytest.mark.parametrize(
    ("channels", "terms", "named"),
    [
        ({"footprint": 1.0}, {"bce": 1.0}, ("boundary", "contact")),
        ({"footprint": 0.0, "boundary": 1.0, "contact": 1.0}, {"bce": 1.0}, ("footprint",)),
        ({"footprint": 1.0, "boundary": 1.0, "contact": 1.0}, {"focal": 1.0, "dice": 1.0}, ("focal",)),
    ],
)
def test_a_loss_that_is_not_meant_for_the_target_is_refused(
    channels: dict[str, float], terms: dict[str, float], named: tuple[str, ...]
) -> None:
    narrow = replace(TARGET, losses=("bce", "dice"))
    with raises(ModelError, "model.loss-target-misfit", *named):
        CombinedLoss(LossParams(**{**OFF, **terms}, channels=channels), narrow)


# Distances of up to 8 m as shares of 8 m: the network says 0, log 3, -log 3 and 0 metres. Terms of masks see the logits
# and the truth from above.
METRES = 8.0
DISTANCES = LOGITS[:, :1] / METRES
TRUE_DISTANCES = torch.tensor([0.25, 1.0, -0.5, -0.125]).view(1, 1, 1, 4)
DISTANCE = target_of(TargetParams(kind="distance", distance=DistanceParams(clip_m=METRES)))


def distance_loss(**terms: Any) -> CombinedLoss:
    return CombinedLoss(LossParams(**{**OFF, **terms}, channels={"distance": 1.0}), DISTANCE)


def test_distances_in_metres_are_the_logits_of_masks() -> None:
    # Errors of 2, 8 - log 3, 4 - log 3 and 1 m, of which each costs half a metre less: quadratic within one metre.
    l1 = (1.5 + (7.5 - log(3)) + (3.5 - log(3)) + 0.5) / 4 / METRES
    assert distance_loss(smooth_l1=1.0)(DISTANCES, TRUE_DISTANCES, ALL).item() == pytest.approx(l1, rel=1e-5)
    for term in TERMS:
        loss = distance_loss(smooth_l1=1.0, **{term: 2.0})(DISTANCES, TRUE_DISTANCES, ALL)
        assert loss.item() == pytest.approx(l1 + 2 * BY_HAND[term], rel=1e-5), term


def test_unknown_distances_change_no_gradient() -> None:
    loss, valid = distance_loss(smooth_l1=1.0, bce=1.0, dice=1.0), known(True, False, True, False)
    gradients = []
    for wrong in (0.0, 3.0, -80.0):
        distances, truth = DISTANCES.clone(), TRUE_DISTANCES.clone()
        distances[..., [1, 3]], truth[..., [1, 3]] = wrong, wrong / 80
        distances.requires_grad_()
        loss(distances, truth, valid).backward()
        assert distances.grad is not None
        assert distances.grad[..., [1, 3]].abs().max() == 0
        gradients.append(distances.grad)
    assert gradients[0].abs().max() > 0
    assert all(torch.equal(gradients[0], other) for other in gradients[1:])


def test_a_distance_is_learned_by_its_metres() -> None:
    with raises(ModelError, "model.loss-target-misfit", "smooth_l1"):
        distance_loss(bce=1.0)


def test_a_weight_without_a_loss_is_no_silent_zero() -> None:
    class WithHuber(LossParams):
        huber: float = 1.0

    target = replace(TARGET, losses=(*TARGET.losses, "huber"))
    channels = {"contact": 0.0, "footprint": 1.0, "boundary": 0.0}
    with pytest.raises(ValueError, match="huber"):
        CombinedLoss(WithHuber(**OFF, channels=channels), target)
