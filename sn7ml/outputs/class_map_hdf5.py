"""Probabilities of classes as HDF5, as laika's ``segment.py`` writes them: ``predictions.hdf5``.

One dataset per image, ``<AOI>/<time>``: float32 (rows × cols, class), pixels row by row from the north-west, 0 where
there is no evidence. If all images have one size, dataset ``predictions`` shows them as laika's does: (image, rows ×
cols, class), without a second copy. The classes are attribute ``classes`` of the file; ``rows`` and ``cols`` are
attributes of each image.
"""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import CERTAIN, rescaled
from sn7ml.core.runtime.files import replacing
from sn7ml.outputs.probabilities import ProbabilityCube

ALL = "predictions"


def write_hdf5(path: Path, probabilities: Path, grids: Mapping[str, Grid]) -> None:
    """Write the probabilities of all images, one image in memory at a time; the same ones give the same bytes.

    ``probabilities`` is the folder of rasters, ``<AOI>/<time>.tif``, and ``grids`` those of the images. Raises
    RasterError if a raster is damaged, and OSError if the file cannot be written.
    """
    with replacing(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        written: list[h5py.Dataset] = []
        for aoi, grid in grids.items():
            cube = ProbabilityCube(probabilities / aoi, grid)
            file.attrs["classes"] = list(cube.channels)
            for time, fine in cube.items():
                found = rescaled(fine, cube.upsampling, 1)
                flat = np.moveaxis(found.channels, 0, 2).reshape(-1, len(cube.channels)).astype(np.float32) / CERTAIN
                dataset = file.create_dataset(f"{aoi}/{time}", data=flat, compression="gzip", compression_opts=4)
                dataset.attrs["rows"], dataset.attrs["cols"] = grid.shape
                written.append(dataset)
        if len({dataset.shape for dataset in written}) == 1:
            layout = h5py.VirtualLayout((len(written), *written[0].shape), np.float32)
            for place, dataset in enumerate(written):
                layout[place] = h5py.VirtualSource(".", dataset.name, dataset.shape)
            file.create_virtual_dataset(ALL, layout)
