r"""From evidence to single buildings: every building is a peak and its surroundings.

A threshold that is right for a bright building in a field merges a row of faint new ones into one, and the reverse. So
here both the seeds and the outlines are relative to the building itself::

    evidence  .8 |    /\                 seeds, found from the highest level down: a patch above a level that holds
              .6 |   /  \    /\          no seed yet is one; so two peaks are two buildings if the saddle between
              .4 |  / a  \__/  \         them is a level deeper than the lower one
              .2 |_/         b  \___/\_
                   ======  ====          outlines: down to a share of the own seed's level (here half)
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.segmentation import watershed

from sn7ml.core.geo.burn import Ids
from sn7ml.outputs.tracking.instances import without_small
from sn7ml.params import PeakParams

Image = NDArray[np.float32]


def find_peaks(evidence: Image, usable: NDArray[np.bool_], params: PeakParams, upsampling: int) -> Ids:
    """Divide one image into buildings: int32 (rows, cols), 0 on ground, 1 to n from the clearest to the faintest.

    ``evidence`` is (rows, cols) of the up-sampled grid, in [0, 1]: of one month or of a cube, weighed by
    ``instances.weigh``. ``usable`` is False where there is none: no building grows there. ``upsampling`` counts pixels
    of ``evidence`` per pixel of the original image, along each axis; params are in pixels of the original image.
    """
    smooth = ndimage.gaussian_filter(evidence, params.smooth_px * upsampling) if params.smooth_px else evidence
    seeds, levels = _seeds(np.where(usable, smooth, 0), params)
    if not len(levels):
        return np.zeros(evidence.shape, np.int32)
    regions = watershed(-smooth, seeds, mask=usable & (smooth > params.seed_threshold * params.flood_ratio))
    # (n + 1,): how low each region may reach, by its own seed; nothing is lost on ground, region 0.
    reach = np.append(np.inf, params.flood_ratio * levels)
    regions[smooth < reach[regions]] = 0
    parts = label(regions, connectivity=1)
    whole = np.zeros(parts.max() + 1, dtype=bool)
    whole[parts[seeds > 0]] = True
    regions[~whole[parts]] = 0  # cut off from its seed by a gap that is too low
    return without_small(regions, params.min_area_px2 * upsampling**2)


def _seeds(smooth: Image, params: PeakParams) -> tuple[Ids, NDArray[np.float64]]:
    """Return the seeds, (rows, cols) numbered from 1, and (n,) the level of each.

    Levels go down from just below the highest evidence to the seed threshold, each ``seed_step`` lower than the last.
    """
    seeds = np.zeros(smooth.size, np.int32)
    found: list[float] = []
    level = float(smooth.max(initial=0))
    while level > params.seed_threshold:
        level = max(level * (1 - params.seed_step), params.seed_threshold)
        patches, count = ndimage.label(smooth > level)
        # Most ground lies below every level: from here on only the pixels above it are looked at, (pixels,).
        pixels = np.flatnonzero(patches)
        patch_of = patches.ravel()[pixels]
        # (patches + 1,): patches that hold no seed of a higher level become seeds, numbered on from those found.
        fresh = np.ones(count + 1, dtype=bool)
        fresh[patch_of[seeds[pixels] > 0]] = fresh[0] = False
        number = (np.cumsum(fresh) + len(found)).astype(np.int32)
        new = fresh[patch_of]
        seeds[pixels[new]] = number[patch_of[new]]
        found += [level] * int(fresh.sum())
    return seeds.reshape(smooth.shape), np.array(found)
