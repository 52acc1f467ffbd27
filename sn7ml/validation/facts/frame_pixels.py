"""What the pixels of one image say: read once, in strips, so that memory stays bounded."""

import hashlib
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from sn7ml.core.geo.quality import grey_of, sharpness
from sn7ml.scenes.images import BANDS
from sn7ml.validation.facts.data_profile import COLOURS, colours, levels

MAX_SIDE_PX = 16_384
"""Larger images are not read: a file of a few kB can declare any size. SpaceNet 7 has 1024."""

MOST_MEASURED_PX = 4_096**2
"""Of larger images only readability, usable pixels and digest are known: measuring takes ten times their size in
memory."""

STRIP_ROWS = 256
"""Rows read at a time."""


def pixel_facts(source: rasterio.DatasetReader) -> dict[str, Any]:
    """Read all blocks of the first four bands: only that shows whether a file is whole. May raise RasterioError.

    Returns
    -------
    dict
        Those of ``FRAME_FACTS`` that need pixels. Of images other than uint8 with four bands only some are known.
    """
    rows, cols = source.shape
    if max(rows, cols) > MAX_SIDE_PX:
        fault = f"declares {rows} x {cols} pixels; more than {MAX_SIDE_PX} along a side are not read"
        return {"readable": False, "fault": fault}
    bands = list(range(1, min(source.count, BANDS) + 1))
    measured = rows * cols <= MOST_MEASURED_PX and source.count == BANDS and set(source.dtypes) == {"uint8"}
    usable, digest, strips = 0, hashlib.sha256(f"{source.shape}".encode()), []
    for top in range(0, rows, STRIP_ROWS):
        strip = source.read(bands, window=Window(0, top, cols, min(STRIP_ROWS, rows - top)))
        usable += int(np.count_nonzero(strip[-1]))
        digest.update(strip.tobytes())
        if measured:
            strips.append(strip)
    facts = {"readable": True, "fault": "", "pixels_digest": digest.hexdigest()[:16]}
    facts |= {"usable_fraction": round(usable / (rows * cols), 6) if source.count == BANDS else None}
    return facts | (_measures(np.concatenate(strips, axis=1)) if measured else {})


def _measures(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    """Measure a whole frame (4, rows, cols); what needs usable pixels is missing where there are none."""
    alpha = pixels[BANDS - 1]
    usable = alpha > 0
    facts: dict[str, Any] = {"alpha_is_binary": bool(np.isin(alpha, (0, 255)).all())}
    facts |= colours(levels(pixels, usable), alpha.shape)
    if not usable.any():
        return facts
    for what in ("brightness", "contrast"):
        facts[what] = round(float(np.mean([facts[f"{what}_{colour}"] for colour in COLOURS])), 4)
    dark = ~pixels[: BANDS - 1].any(axis=0) & usable
    sharp = sharpness(grey_of(pixels), usable)
    return facts | {
        "black_fraction": round(float(dark.sum() / usable.sum()), 6),
        "sharpness": round(sharp, 6) if np.isfinite(sharp) else None,
    }
