"""Torch lives here: dataset, augmentation, models, losses, the loop, prediction."""

from sn7ml.learn.operators import declare_missing_operators

declare_missing_operators()  # before any module of this package imports torchvision
