"""Torch lives here: dataset, augmentation, models, losses, the loop, prediction."""

import os

# Threads that wait for each other shall sleep, not spin: with other work on the same two cores spinning made a training
# step seven times slower. OpenMP reads this once, when torch is loaded, so it stands before the first import of torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from sn7ml.learn.operators import declare_missing_operators

declare_missing_operators()  # before any module of this package imports torchvision
