"""Let torchvision be imported beside a CPU build of torch.

The usual torchvision wheel for Linux is linked against CUDA. With a CPU build of torch its native operators do not
load, and ``import torchvision`` fails at ``torchvision::nms``, an operator that nothing here calls. Declaring the two
operators that its import looks for is enough. It is done only where the native ones are missing.
"""

import importlib.util
from pathlib import Path

import torch

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []


def declare_missing_operators() -> None:
    """Declare ``torchvision::nms`` and ``qnms`` if torchvision's native library cannot be loaded. Harmless twice."""
    if _declared or _native_operators_load():
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}{SIGNATURE}")  # type: ignore[no-untyped-call]
    _declared.append(library)  # the declaration lasts as long as this object


def _native_operators_load() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    libraries = sorted(Path(spec.origin).parent.glob("_C*"))
    try:
        for library in libraries:
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, "nms")
