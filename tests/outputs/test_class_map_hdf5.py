"""predictions.hdf5: pixels by class, read back with h5py; every pixel holds its own address."""

from pathlib import Path

import h5py
import numpy as np

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.core.schemas import UNDATED
from sn7ml.outputs.class_map_hdf5 import write_hdf5
from sn7ml.outputs.probabilities import write_probabilities

NAMES = ("sea", "sand")
GRID = Grid.nowhere(3, 5)


def write(folder: Path, aoi: str, grid: Grid, first: int = 0) -> None:
    rows, cols = grid.shape
    sea = np.arange(first, first + rows * cols, dtype=np.uint8).reshape(rows, cols)
    found = Probabilities(np.stack([sea, 255 - sea]), np.ones((rows, cols), bool))
    write_probabilities(folder / aoi / f"{UNDATED}.tif", found, NAMES, grid, 1)


def test_pixels_come_row_by_row_and_their_classes_last(tmp_path: Path) -> None:
    write(tmp_path / "p", "one", GRID)
    write(tmp_path / "p", "two", GRID, first=100)
    write_hdf5(tmp_path / "out.hdf5", tmp_path / "p", {"one": GRID, "two": GRID})
    with h5py.File(tmp_path / "out.hdf5") as file:
        one = file["one"][UNDATED]
        assert one.dtype == np.float32
        assert one.shape == (15, 2)
        assert list(file.attrs["classes"]) == list(NAMES)
        assert (one.attrs["rows"], one.attrs["cols"]) == (3, 5)
        np.testing.assert_allclose(one[:, 0] * 255, np.arange(15), atol=1e-4)
        np.testing.assert_allclose(one[:].sum(axis=1), 1, atol=1e-6)
        all_of_them = file["predictions"]
        assert all_of_them.shape == (2, 15, 2)
        np.testing.assert_allclose(all_of_them[1, :, 0] * 255, np.arange(100, 115), atol=1e-4)


def test_images_of_different_sizes_have_no_common_array(tmp_path: Path) -> None:
    write(tmp_path / "p", "one", GRID)
    write(tmp_path / "p", "two", Grid.nowhere(2, 2))
    write_hdf5(tmp_path / "out.hdf5", tmp_path / "p", {"one": GRID, "two": Grid.nowhere(2, 2)})
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert "predictions" not in file
        assert file["two"][UNDATED].shape == (4, 2)


def test_the_same_probabilities_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "p", "one", GRID)
    for name in ("a.hdf5", "b.hdf5"):
        write_hdf5(tmp_path / name, tmp_path / "p", {"one": GRID})
    assert (tmp_path / "a.hdf5").read_bytes() == (tmp_path / "b.hdf5").read_bytes()
