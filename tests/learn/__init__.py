"""Importing ``sn7ml.learn`` first lets tests import torchvision beside a CPU build of torch."""

import sn7ml.learn  # noqa: F401
