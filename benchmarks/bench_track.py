"""Track one made-up AOI of average density: seconds and peak memory of each tracker.

Run as ``python -m benchmarks.bench_track`` (about one minute). 1024 x 1024 pixels, 24 months, 4,740 buildings, 3 pixels
per pixel. Months are made when asked for, as a cube on disk reads them; that time is told apart.
"""

import multiprocessing
import resource
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from scipy import ndimage

from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.tracks import track_buildings
from sn7ml.params import TrackParams, load_params
from sn7ml.targets.rims import boundary_mask, contact_mask

SIDE_PX = 1024
MONTHS = 24
BUILDINGS = 4740
UPSAMPLING = 3
CELL = 44
"""Each building has a cell of this side, up-sampled pixels; 69 x 69 cells hold them."""


class MadeUpCube(Mapping[str, Probabilities]):
    """Houses of 9 to 42 px², a third touching a neighbour, a fifth born late, seen by a blurred, noisy detector."""

    def __init__(self, seed: int = 7, months: int = MONTHS) -> None:
        rng = np.random.default_rng(seed)
        self.seed = seed
        self.names = [f"{2018 + month // 12}-{month % 12 + 1:02d}" for month in range(months)]
        self.ids = self._draw(rng)
        self.birth = np.where(rng.random(BUILDINGS) < 0.2, rng.integers(1, months, BUILDINGS), 0)
        alive = np.arange(months)[:, np.newaxis] >= self.birth
        sure = np.clip(rng.normal(0.8, 0.12, BUILDINGS) + rng.normal(0, 0.12, (months, BUILDINGS)), 0, 1)
        self.levels = np.pad((sure * alive * 255).astype(np.uint8), ((0, 0), (1, 0)))
        self.rims = boundary_mask(self.ids), contact_mask(self.ids, 2)
        self.seconds = 0.0

    def _draw(self, rng: np.random.Generator) -> np.ndarray:
        ids = np.zeros((SIDE_PX * UPSAMPLING,) * 2, np.int32)
        per_row = SIDE_PX * UPSAMPLING // CELL
        for number in range(1, BUILDINGS + 1):
            row, col = (CELL * place for place in divmod(number - 1, per_row))
            height, width = rng.integers(9, 20, 2)
            left = col + (CELL - width if number % 3 == 0 else 0)  # flush with the neighbour in the east
            ids[row + 4 : row + 4 + height, left : left + width] = number
        return ids

    def __getitem__(self, month: str) -> Probabilities:
        start = time.perf_counter()
        index = self.names.index(month)
        rng = np.random.default_rng([self.seed, index])
        levels = self.levels[index][self.ids]
        noise = rng.integers(0, 60, levels.shape, dtype=np.uint8)
        channels = np.stack([levels, levels * self.rims[0], levels.max() * self.rims[1]])
        channels = np.maximum(ndimage.uniform_filter(channels, (0, 3, 3)), noise)
        self.seconds += time.perf_counter() - start
        return Probabilities(channels, np.ones(levels.shape, dtype=bool))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def measure(params: TrackParams) -> str:
    """Track once and tell what it took."""
    cube = MadeUpCube()
    start = time.perf_counter()
    tracks = track_buildings(cube, UPSAMPLING, params)
    seconds = time.perf_counter() - start
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return (
        f"{params.method:>11}: {seconds:5.1f} s, {cube.seconds:4.1f} s of it making months; peak {peak_gb:.2f} GB;"
        f" {tracks['id'].nunique():6,} ids, {len(tracks):,} footprints"
    )


def main() -> None:
    """Run each tracker in a process of its own, so that its peak memory is its own."""
    track = load_params().output.of_tracks()
    print(f"{BUILDINGS:,} buildings, {MONTHS} months, {SIDE_PX} x {SIDE_PX} px at {UPSAMPLING}x, one core:")
    for method in ("changepoint", "collapse", "baseline"):
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:
            print(pool.submit(measure, track.model_copy(update={"method": method})).result())


if __name__ == "__main__":
    main()
