"""Torch lives here: dataset, augmentation, models, losses, the loop, prediction."""

import importlib.util
import os
from pathlib import Path

# Let idle OpenMP threads sleep instead of spin-waiting: with other work on the same two cores spinning made a training
# step seven times slower. OpenMP reads this once, when torch is loaded, so it stands before the first import of torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch


def declare_missing_operators() -> torch.library.Library | None:
    """Let torchvision be imported beside a CPU build of torch, for as long as the returned object lives.

    The usual torchvision wheel for Linux is linked against CUDA. With a CPU build of torch its native operators do not
    load, and ``import torchvision`` fails at ``torchvision::nms``, an operator that nothing here calls. Declaring the
    two operators that its import looks for is enough. It is done only where the native ones are missing.
    """
    spec = importlib.util.find_spec("torchvision")
    libraries = sorted(Path(spec.origin).parent.glob("_C*")) if spec and spec.origin else []
    try:
        for library in libraries:
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
        if hasattr(torch.ops.torchvision, "nms"):
            return None
    except OSError:
        pass  # linked against another torch: they are missing
    declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    return declared


_DECLARED = declare_missing_operators()  # before any module of this package imports torchvision
