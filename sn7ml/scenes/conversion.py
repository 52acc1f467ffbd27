"""Images of other kinds become what every later stage reads: red, green, blue and alpha in bytes, a GeoTIFF each.

::

    scenes/
      images/<AOI>/<time>.tif    uint8, alpha 0 where nothing is usable
      stretch.json               which brightness became black and white, by part of the data folder; {} for bytes,
                                 and the percentiles under "" where each image has a stretch of its own

Brightness is stretched alike for all images of a part (a city, a sensor), between percentiles of the columns that
networks learn on. Measured on all, it would tell of the test; on each, a dark scene would look like a bright one.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sn7ml.core.errors import ParamsError, RasterError
from sn7ml.core.geo.stretch import Stretch, measure, sample
from sn7ml.core.runtime.files import write_text
from sn7ml.core.runtime.parallel import map_items
from sn7ml.params import ModelImages, PartStretch, SceneStretch, SplitParams, StretchParams
from sn7ml.scenes.images import BAND_NAMES
from sn7ml.scenes.rasters import write_bands
from sn7ml.scenes.raw_images import OpenImage
from sn7ml.scenes.splits import assign_regions

IMAGES, STRETCH_FILE = "images", "stretch.json"

Columns = tuple[int, int]
"""Start and stop of columns; the stop does not belong to them."""


def convert(
    root: Path,
    frames: pd.DataFrame,
    open_image: OpenImage,
    params: tuple[SplitParams, StretchParams],
    out: Path,
) -> pd.DataFrame:
    """Write the images of ``FRAMES`` below ``out``, and return the table with their paths there and their digests.

    Raises ItemsFailed naming every frame whose image cannot be read.
    """
    split, how = params
    rows = {f"{row['aoi']} {row['time']}": row for row in frames.to_dict("records")}
    dtypes = map_items(partial(_dtype, root, open_image), rows)
    stretches: dict[str, Stretch] = {}
    only_bytes = set(dtypes.values()) == {"uint8"}
    if not only_bytes and how.by != "scene":
        learned = learned_columns(frames, split)
        chosen = {name: (row, learned[row["aoi"]]) for name, row in rows.items() if row["aoi"] in learned}
        samples = map_items(partial(_sample, root, open_image, len(chosen)), chosen)
        by_part: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
        for name, (row, _) in chosen.items():
            by_part[row["part"] if how.by == "part" else ""].append(samples[name])
        stretches = {part: measure(pixels, how.low_percent, how.high_percent) for part, pixels in by_part.items()}
    written = map_items(partial(convert_image, root, open_image, how, stretches, out), rows)
    plain: dict[str, Any] = {part: {"low": it.low, "high": it.high} for part, it in sorted(stretches.items())}
    if not only_bytes and how.by == "scene":
        plain = {"": {"low_percent": how.low_percent, "high_percent": how.high_percent}}
    write_text(out / STRETCH_FILE, json.dumps(plain, indent=1) + "\n")
    paths = [written[name] for name in rows]
    return frames.assign(image=paths, mask="", digest=[digest_of_file(out / path) for path in paths])


def digest_of_file(path: Path) -> str:
    """Return 16 hexadecimal digits that name the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def learned_columns(frames: pd.DataFrame, split: SplitParams) -> Mapping[str, list[Columns]]:
    """Return AOI to the columns that networks learn on; all of all AOIs where nothing is labelled."""
    labelled = frames[frames["aoi"].isin(frames.loc[frames["labelled"], "aoi"])]
    if labelled.empty:
        return {row["aoi"]: [(0, row["cols"])] for row in frames.to_dict("records")}
    regions = assign_regions(labelled, split)
    learned = regions[regions["split"] == ("train" if split.folds == 1 else "validation")]
    found: dict[str, list[Columns]] = defaultdict(list)
    for row in learned.to_dict("records"):
        found[str(row["aoi"])].append((row["col_start"], row["col_stop"]))
    return found


def _dtype(root: Path, open_image: OpenImage, row: Mapping[Any, Any]) -> str:
    return open_image(root, row).dtype


def _sample(
    root: Path, open_image: OpenImage, images: int, job: tuple[Mapping[Any, Any], list[Columns]]
) -> NDArray[np.float32]:
    row, columns = job
    colours, usable = open_image(root, row).read()
    wanted = np.zeros(usable.shape[1], np.bool_)
    for start, stop in columns:
        wanted[start:stop] = True
    return sample(colours, usable & wanted, images)


def convert_image(
    root: Path,
    open_image: OpenImage,
    how: StretchParams,
    stretches: Mapping[str, Stretch],
    out: Path,
    row: Mapping[Any, Any],
) -> str:
    """Write the image of a row of ``SOURCES`` or ``FRAMES``; return its path below ``out``."""
    image = open_image(root, row)
    colours, usable = image.read()
    if image.dtype == "uint8":
        pixels = np.concatenate([colours, usable[None] * np.uint8(255)]).astype(np.uint8)
    else:
        pixels = stretch_for(row, how, stretches, colours, usable).to_bytes(colours, usable)
    path = f"{IMAGES}/{row['aoi']}/{row['time']}.tif"
    write_bands(out / path, list(pixels), BAND_NAMES, image.grid)
    return path


def stretch_for(
    row: Mapping[Any, Any],
    how: StretchParams,
    stretches: Mapping[str, Stretch],
    colours: NDArray[np.generic],
    usable: NDArray[np.bool_],
) -> Stretch:
    """Return the stretch of an image: that of its part, or, asked for by ``scene``, its own.

    Raises RasterError if no image of its part was learned on.
    """
    if how.by == "scene":
        return measure([sample(colours, usable, 1)], how.low_percent, how.high_percent)
    part = row["part"] if how.by == "part" else ""
    if part not in stretches and len(stretches) > 1:
        raise RasterError(
            "image.no-stretch",
            f"{row['image']}: no image of {part!r} is learned on, so nobody knows how bright its images are; known are "
            f"{sorted(stretches)}. Set data.stretch.by to all or to scene",
        )
    return stretches.get(part) or next(iter(stretches.values()))


def stretches_like(
    images: ModelImages | None, parts: Collection[str], name: str | None
) -> tuple[StretchParams, dict[str, Stretch], str]:
    """Return how images of some parts of a data folder are stretched like those that a model learned from.

    The last value says it in words.

    Parameters
    ----------
    images
        What the model's package says of them.
    parts
        Of the images that are to be stretched.
    name
        The part of the training data whose stretch is used; None is the only one, or for each image that of the part
        with the same name.

    Raises
    ------
    ParamsError
        If the model has no such part, or ``name`` is needed.
    """
    known = {} if images is None else images.stretch
    own = known.get("")
    if name is None and isinstance(own, SceneStretch):
        how = StretchParams(by="scene", low_percent=own.low_percent, high_percent=own.high_percent)
        return how, {}, "each image by its own percentiles, as in training"
    measured = {part: Stretch(it.low, it.high) for part, it in known.items() if isinstance(it, PartStretch)}
    chosen = next(iter(measured), None) if name is None and len(measured) <= 1 else name
    if chosen is None and set(parts) <= set(measured):
        return StretchParams(by="part"), measured, "as the part of the training with the same name"
    if chosen is None or chosen not in measured:
        asked = f"there is none called {name!r}" if name is not None else f"the images are of {sorted(parts)}"
        raise ParamsError(
            "options.stretch",
            f"the model knows stretches of {sorted(measured)}, and {asked}: choose one of them with --stretch NAME (in "
            "Python, stretch=)",
        )
    return StretchParams(by="all"), {"": measured[chosen]}, f"as {chosen or 'all images'} in training"
