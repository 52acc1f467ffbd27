"""The training loss: a weighted sum over terms and channels, over known pixels only.

Legend: B batch, K channel of the target, Y row, X column.
"""

from collections.abc import Sequence

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sn7ml.core.errors import ModelError
from sn7ml.params import LossParams
from sn7ml.targets import Target
from sn7ml.targets.classes import UNKNOWN

SURELY_NOT = -1000.0
"""A logit whose probability, and whose every loss against target 0, is exactly 0, in float32 and float16 alike."""

NO_DISTANCE = 0.0
"""Of a signed distance, whose smooth L1 loss against 0 is 0."""

DISTANCES = ("smooth_l1",)
"""Terms that compare signed distances, and not masks."""

SUMS = ("bce", "focal", "smooth_l1")
"""Terms that smp sums up over pixels here; the loss is their mean."""

FOCAL_GAMMA = 2.0

TOO_MANY, MISSED = 0.3, 0.7
"""Tversky's weights of a pixel that is wrongly called building, and of one that is missed."""


class CombinedLoss(nn.Module):
    """Sum of smp's losses with the weights of ``LossParams``, divided by the sum of the channel weights.

    BCE and focal are means over the known pixels of the batch; Dice, Jaccard and Tversky are ratios of sums over them,
    and 0 for a channel without a true pixel; Lovász is a weighted sum of their hinge errors, and in such a channel the
    largest of them. Where a pixel is unknown its logit is replaced by ``SURELY_NOT`` and its target by 0, so that it
    adds nothing to any sum, stands last and with no error in Lovász's order, and receives no gradient.

    Where the target is a signed distance, the terms of masks take it in metres for the logit of being built: a half at
    the outline, .73 a metre inside.

    Raises ModelError if the params are not meant for the target.
    """

    def __init__(self, params: LossParams, target: Target) -> None:
        super().__init__()
        _refuse_misfit(params, target)
        terms = {
            "bce": smp.losses.SoftBCEWithLogitsLoss(reduction="sum", ignore_index=None),
            "focal": smp.losses.FocalLoss("binary", gamma=FOCAL_GAMMA, reduction="sum"),
            "dice": smp.losses.DiceLoss("binary"),
            "jaccard": smp.losses.JaccardLoss("binary"),
            "lovasz": smp.losses.LovaszLoss("binary"),
            "tversky": smp.losses.TverskyLoss("binary", alpha=TOO_MANY, beta=MISSED),
            "smooth_l1": nn.SmoothL1Loss(reduction="sum", beta=1.0 / (target.unit_m or 1.0)),
        }
        if lacking := sorted(params.terms.keys() - terms.keys()):
            raise ValueError(f"loss terms {lacking} have a weight in LossParams, but no loss here")
        self.weights = params.terms
        self.terms = nn.ModuleDict({name: term for name, term in terms.items() if name in self.weights})
        self.unit_m = target.unit_m
        self.channel_weights = [params.channels[name] for name in target.channels]

    def forward(self, logits_BKYX: Tensor, target_BKYX: Tensor, valid_BYX: Tensor) -> Tensor:
        """Compute the loss of the network's output against targets of 0 or 1, where ``valid_BYX``; nowhere gives 0."""
        known = valid_BYX.sum().clamp(min=1)
        total = logits_BKYX.new_zeros(())
        for channel, channel_weight in enumerate(self.channel_weights):
            if channel_weight == 0:
                continue
            output_BYX, truth_BYX = logits_BKYX[:, channel], target_BKYX[:, channel]
            for name, term in self.terms.items():
                logits_BYX, mask_BYX, nothing = output_BYX, truth_BYX, SURELY_NOT
                if name in DISTANCES:
                    nothing = NO_DISTANCE
                elif self.unit_m is not None:
                    logits_BYX, mask_BYX = output_BYX * self.unit_m, (truth_BYX > 0).to(truth_BYX)
                logits_B1YX = torch.where(valid_BYX, logits_BYX, nothing).unsqueeze(1)
                target_B1YX = torch.where(valid_BYX, mask_BYX, 0.0).unsqueeze(1)
                value = channel_weight * self.weights[name] * term(logits_B1YX, target_B1YX)
                total = total + (value / known if name in SUMS else value)
        return total / sum(self.channel_weights)


class ClassLoss(nn.Module):
    """Sum of losses of classes, of which a known pixel has one, with the weights of ``LossParams``.

    Cross-entropy is a mean in which each pixel weighs as much as its class; focal is a mean over pixels and classes;
    Dice (smp) and Lovász (Berman et al., CVPR 2018) are means over classes. Unknown pixels add nothing and receive no
    gradient.

    Parameters
    ----------
    params
        Weights of the terms, and in ``channels`` those of the classes.
    target
        A target of classes.
    shares
        Each class's share of the training pixels; with ``balance`` its weight is divided by this, times the median of
        the shares that are not 0.

    Raises
    ------
    ModelError
        If the params are not meant for the target.
    """

    def __init__(self, params: LossParams, target: Target, shares: Sequence[float]) -> None:
        super().__init__()
        _refuse_misfit(params, target)
        terms = {
            "cross_entropy": None,
            "focal": smp.losses.FocalLoss("multiclass", gamma=FOCAL_GAMMA, ignore_index=UNKNOWN, reduction="sum"),
            "dice": smp.losses.DiceLoss("multiclass", ignore_index=UNKNOWN),
            "lovasz": smp.losses.LovaszLoss("multiclass", ignore_index=UNKNOWN),
        }
        self.weights = params.terms
        self.terms = nn.ModuleDict({name: term for name, term in terms.items() if name in self.weights and term})
        weights = torch.tensor([params.channels[name] for name in target.channels])
        if params.balance == "median_frequency":
            known = torch.tensor(shares)
            there = known > 0
            weights = torch.where(there, weights * known[there].median() / known.clamp(min=1e-12), 0.0)
        self.class_weights: Tensor
        self.register_buffer("class_weights", weights)

    def forward(self, logits_BKYX: Tensor, target_BKYX: Tensor, valid_BYX: Tensor) -> Tensor:
        """Compute the loss of the network's output against masks of 0 or 1, where ``valid_BYX``; nowhere gives 0."""
        known = valid_BYX.sum()
        if known == 0:
            return logits_BKYX.sum() * 0.0
        number_BYX = torch.where(valid_BYX, target_BKYX.argmax(dim=1), UNKNOWN)
        total = logits_BKYX.new_zeros(())
        for name, weight in self.weights.items():
            if name == "cross_entropy":
                value = self._cross_entropy(logits_BKYX, number_BYX)
            else:
                value = self.terms[name](logits_BKYX, number_BYX)
            total = total + weight * (value / known if name == "focal" else value)
        return total

    def _cross_entropy(self, logits_BKYX: Tensor, number_BYX: Tensor) -> Tensor:
        weights_K = self.class_weights
        # An own sum in place of the mean's: where no class with a weight is seen, that is 0 / 0.
        total = cross_entropy(logits_BKYX, number_BYX, weights_K, ignore_index=UNKNOWN, reduction="sum")
        counts_K = torch.bincount(number_BYX.flatten(), minlength=UNKNOWN + 1)[: len(weights_K)]
        return total / (counts_K * weights_K).sum().clamp(min=torch.finfo(total.dtype).tiny)


def _refuse_misfit(params: LossParams, target: Target) -> None:
    if fault := params.misfit(target.channels, target.losses):
        raise ModelError("model.loss-target-misfit", fault)
