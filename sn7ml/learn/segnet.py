"""SegNet: VGG's convolutions, and their mirror image, which unpools by the places where the encoder's maxima stood.

Badrinarayanan, Kendall, Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation",
PAMI 2017; with batch normalisation, as theirs.
"""

from itertools import pairwise

import torchvision
from torch import Tensor, nn
from torch.nn.functional import max_unpool2d

SEGNET_ENCODERS = ("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn")
"""Of torchvision. SegNet's own is ``vgg16_bn``, with 13 convolutions."""

IMAGENET = "IMAGENET1K_V1"


class SegNet(nn.Module):
    """float32 (batch, 3, rows, cols) to (batch, channels, rows, cols), of any size of 32 pixels or more.

    ``encoder`` has the tensors of torchvision's VGG under their own names, without ``features.`` before them.
    ``pretrained`` downloads its ImageNet weights. Raises OSError if that fails.
    """

    def __init__(self, encoder: str, channels: int, *, pretrained: bool = False) -> None:
        super().__init__()
        vgg = torchvision.models.get_model(encoder, weights=IMAGENET if pretrained else None)
        self.encoder: nn.Sequential = vgg.features
        for layer in self.encoder:
            if isinstance(layer, nn.MaxPool2d):
                layer.return_indices = True
        # Of each stage: the channels that enter it, then those of each of its convolutions.
        stages, widths = [], [3]
        for layer in self.encoder:
            if isinstance(layer, nn.Conv2d):
                widths.append(layer.out_channels)
            elif isinstance(layer, nn.MaxPool2d):
                stages.append(widths)
                widths = widths[-1:]
        self.decoder = nn.ModuleList(_mirror(widths) for widths in reversed(stages))
        last = self.decoder[-1]
        assert isinstance(last, nn.Sequential)
        # Classes in place of the image's colours, and neither normalised nor cut off at 0.
        del last[-3:]
        last.append(nn.Conv2d(stages[0][1], channels, 3, padding=1))
        for layer in self.decoder.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        """Return one output per class and pixel, before the softmax."""
        x, pooled = image, []
        for layer in self.encoder:
            if isinstance(layer, nn.MaxPool2d):
                size = x.shape[2:]
                x, indices = layer(x)
                pooled.append((indices, size))
            else:
                x = layer(x)
        for stage, (indices, size) in zip(self.decoder, reversed(pooled), strict=True):
            x = stage(max_unpool2d(x, indices, [2, 2], output_size=size))
        return x


def _mirror(widths: list[int]) -> nn.Sequential:
    """Return a stage's convolutions in reverse: from its last channels to those that entered it."""
    layers: list[nn.Module] = []
    for before, after in pairwise(reversed(widths)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
