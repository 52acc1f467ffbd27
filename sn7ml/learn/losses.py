"""The training loss: a weighted sum over terms and channels, over usable pixels only.

Legend: B batch, K channel (footprint, boundary, contact), Y row, X column.
"""

import sn7ml.learn.operators

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from sn7ml.params import LossParams

SURELY_NOT = -30.0
"""A logit whose probability is 0 in float32 and float16 alike: with target 0 it adds nothing to any term."""

FOCAL_GAMMA = 2.0


class CombinedLoss(nn.Module):
    """Sum of smp's losses with the weights of ``LossParams``.

    Where a pixel is unknown its logit is replaced by ``SURELY_NOT`` and its target by 0, so that it adds nothing to a
    sum or an overlap. Means still divide by all pixels.
    """

    def __init__(self, params: LossParams) -> None:
        super().__init__()
        terms = {
            "bce": (params.bce, smp.losses.SoftBCEWithLogitsLoss()),
            "dice": (params.dice, smp.losses.DiceLoss("binary")),
            "focal": (params.focal, smp.losses.FocalLoss("binary", gamma=FOCAL_GAMMA)),
            "jaccard": (params.jaccard, smp.losses.JaccardLoss("binary")),
        }
        self.terms = nn.ModuleDict({name: loss for name, (weight, loss) in terms.items() if weight > 0})
        self.weights = {name: weight for name, (weight, _) in terms.items() if weight > 0}
        self.channel_weights = (params.footprint, params.boundary, params.contact)

    def forward(self, logits_BKYX: Tensor, target_BKYX: Tensor, valid_BYX: Tensor) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        logits_BKYX
            Network output.
        target_BKYX
            0 or 1, float.
        valid_BYX
            bool; False where there is no evidence. All False gives a loss near 0.
        """
        valid_B1YX = valid_BYX.unsqueeze(1)
        logits_BKYX = torch.where(valid_B1YX, logits_BKYX, SURELY_NOT)
        target_BKYX = torch.where(valid_B1YX, target_BKYX, 0.0)
        total = logits_BKYX.new_zeros(())
        for channel, channel_weight in enumerate(self.channel_weights):
            logits_B1YX = logits_BKYX[:, channel : channel + 1]
            target_B1YX = target_BKYX[:, channel : channel + 1]
            for name, term in self.terms.items():
                total = total + channel_weight * self.weights[name] * term(logits_B1YX, target_B1YX)
        return total / sum(self.channel_weights)
