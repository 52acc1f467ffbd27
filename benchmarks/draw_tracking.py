"""Draw the pictures of docs/tracking.md from a made-up neighbourhood whose truth is known.

    python -m benchmarks.draw_tracking [OUT]

OUT is docs/img if not given. Also prints what SCOT makes of each tracker there. The trackers have the params of
params.yaml; nothing is tuned. Some seconds, no torch.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit
from shapely.geometry import Polygon, box

from benchmarks.births_picture import Case, births_figure, cases_figure
from benchmarks.peaks_picture import Parted, parting_figure
from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.core.runtime.files import replacing
from sn7ml.core.schemas import TRACKS
from sn7ml.metrics.diagnosis import diagnose
from sn7ml.metrics.scot import score_scot
from sn7ml.outputs.tracking.births import Births, fit_births
from sn7ml.outputs.tracking.evidence import candidate_series
from sn7ml.outputs.tracking.instances import find_instances, weigh
from sn7ml.outputs.tracking.peaks import find_peaks
from sn7ml.outputs.tracks import track_buildings
from sn7ml.params import BirthParams, PeakParams, TrackParams, load_params, with_values
from sn7ml.report.maps.drawing import png
from sn7ml.targets.rims import boundary_mask, contact_mask

ROOT = Path(__file__).resolve().parents[1]
AOI = "made-up"
SHAPE_PX = (96, 132)
MONTHS = [f"{2018 + month // 12}-{month % 12 + 1:02d}" for month in range(24)]
UPSAMPLING = 3
BLUR = 2.0
"""Standard deviation of what the detector smears, up-sampled pixels."""

NEVER = len(MONTHS)


@dataclass(frozen=True)
class House:
    """A building, or what the detector takes for one."""

    left: float
    top: float
    width: float
    height: float
    birth: int = 0
    """Index of the month in which it is built; 0 stands from the start, ``NEVER`` is a mistake of the detector."""

    level: float = 1.8
    """Mean log-odds once it stands, before the blur."""

    spread: float = 1.4
    """Of the log-odds from month to month."""

    growth: int = 1
    """Months until a new roof is seen as well as an old one."""

    glint: int | None = None
    """A month in which it is seen, whatever its birth."""

    @property
    def outline(self) -> Polygon:
        """In pixels of the original image."""
        return box(self.left, self.top, self.left + self.width, self.top + self.height)


CASES: Mapping[str, House] = {
    "born, and seen at once": House(80, 6, 5, 5, birth=8, level=1.2, spread=0.6),
    "born, and seen little by little": House(112, 6, 5, 4, birth=14, level=1.2, spread=0.6, growth=4),
    "always there, but flickering": House(72, 85, 5, 4, level=0.6, spread=2.2),
    "ground, with one bright month": House(95, 85, 4, 4, birth=NEVER, glint=13),
    "built under cloud": House(119, 85, 5, 5, birth=12, level=1.0, spread=0.7),
}
STREETS = ((30, 9), (58, 15))
"""(row, month in which building starts)."""

NEIGHBOUR = 4
"""A house of the first street that is shown as a case, too."""

CLOUDS = ((12, 121, 87, 16), (13, 123, 88, 13), (4, 30, 30, 18), (17, 50, 76, 16))
"""(month, column, row, radius), pixels of the original image. The first two hide the last of the cases being built."""


class Neighbourhood:
    """An old quarter, two new streets and what the cases need, seen by a blurred, noisy detector."""

    def __init__(self, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        self.houses = [*CASES.values(), *(house for street in STREETS for house in _new_street(rng, *street))]
        self.houses += [*_old_quarter(rng), *_glints(rng, 10)]
        self.ids = burn_ids([house.outline for house in self.houses], SHAPE_PX, UPSAMPLING)
        self.birth = np.array([house.birth for house in self.houses])
        self.cube = {month: self._frame(index, rng) for index, month in enumerate(MONTHS)}
        self.series = candidate_series(self.cube, self.ids).probabilities

    def _frame(self, month: int, rng: np.random.Generator) -> Probabilities:
        sure = expit([_log_odds(house, month, rng) for house in self.houses])
        seen = np.append(0.0, sure)[self.ids]
        standing = self.ids * np.append(False, self.birth <= month)[self.ids]
        masks = np.stack([np.ones(seen.shape), boundary_mask(standing), contact_mask(standing, 3)])
        shift = rng.integers(-1, 2, 2)
        houses = ndimage.gaussian_filter(np.roll(masks * seen, shift, (1, 2)), (0, BLUR, BLUR))
        ground = ndimage.gaussian_filter(rng.normal(size=seen.shape), 4) * 16 + rng.normal(0, 0.3, seen.shape) - 5.3
        both = 1 - (1 - houses) * (1 - expit(ground))
        return Probabilities((both * CERTAIN).round().astype(np.uint8), _clear(month))

    def truth(self) -> pd.DataFrame:
        """Return ``TRACKS`` of the houses; what cloud covers has no label, and is born when it is first seen."""
        rows = []
        for number, house in enumerate(self.houses, 1):
            covered = [bool((~frame.usable[self.ids == number]).any()) for frame in self.cube.values()]
            seen = [month for month in range(house.birth, NEVER) if not covered[month]]
            born = MONTHS[seen[0] if house.birth and seen else 0]
            rows += [(AOI, MONTHS[month], f"t{number}", born, 1.0, 1.0, house.outline) for month in seen]
        return TRACKS.check(pd.DataFrame(rows, columns=list(TRACKS.columns)))


def _old_quarter(rng: np.random.Generator) -> list[House]:
    """Rows of houses, some wall to wall, many faint, one in twelve built in a gap since."""
    houses = []
    for top in (5, 11, 22, 28, 39, 45, 56, 62, 73, 79):
        left = 5.0
        while left < 56:
            width, height = int(rng.integers(3, 7)), int(rng.integers(3, 6))
            birth = int(rng.integers(1, NEVER)) if rng.random() < 1 / 12 else 0
            level, growth = float(rng.normal(1.0, 1.0)), int(rng.integers(1, 4))
            houses.append(House(left, top, width, height, birth, level, growth=growth))
            left += width + rng.choice([0, 1, 2, 3, 8])
    return houses


def _new_street(rng: np.random.Generator, top: int, birth: int) -> list[House]:
    """Two rows of small houses, built in this month, some in the next."""
    return [
        House(72 + 6 * place, top + row, 4, 3, birth + int(rng.random() < 0.25), float(rng.normal(0.6, 0.8)), growth=2)
        for row in (0, 7)
        for place in range(9)
    ]


def _glints(rng: np.random.Generator, count: int) -> list[House]:
    """Bright ground where nothing ever stands, each in one month."""
    return [
        House(x, y, 3, 3, birth=NEVER, glint=int(rng.integers(0, NEVER)))
        for x, y in zip(rng.integers(68, 126, count), rng.choice([17, 22, 46, 50, 74, 78], count), strict=True)
    ]


def _log_odds(house: House, month: int, rng: np.random.Generator) -> float:
    noise = rng.normal(0, house.spread)
    if month == house.glint:
        return 2.5
    if month < house.birth:
        return -9.0
    young = max(0, house.birth + house.growth - 1 - month) if house.birth else 0
    return float(house.level + noise - 1.1 * young)


def _clear(month: int) -> NDArray[np.bool_]:
    """Return the pixels that no cloud hides, up-sampled grid."""
    row, col = (axis / UPSAMPLING for axis in np.indices([side * UPSAMPLING for side in SHAPE_PX]))
    clear = np.ones(row.shape, dtype=bool)
    for when, x, y, radius in CLOUDS:
        clear &= (month != when) | (np.hypot(col - x, row - y) > radius)
    return clear


def cases(town: Neighbourhood, params: BirthParams) -> list[Case]:
    """Follow the true outlines of the cases through the months, with all the other houses as their neighbours."""
    births = births_of(town, params)
    alone = births_of(town, params.model_copy(update={"neighbour_weight": 0.0}))
    born = town.truth().drop_duplicates("id").set_index("id")["birth_month"].map(MONTHS.index).to_dict()
    shown = [*enumerate(CASES), (len(CASES) + NEIGHBOUR, "one of a street built at once")]
    return [
        Case(
            title, _verdict(births, index), town.series[:, index], births.posterior[:, index],
            _stands_from(births, index), born.get(f"t{index + 1}", NEVER),
            alone.posterior[:, index] if index >= len(CASES) else None,
        )
        for index, title in shown
    ]  # fmt: skip


def births_of(town: Neighbourhood, params: BirthParams) -> Births:
    """Return what the model makes of the true outlines."""
    places = np.array([(house.outline.centroid.y, house.outline.centroid.x) for house in town.houses])
    return fit_births(town.series, places, params)


def _stands_from(births: Births, index: int) -> int:
    """Month from which a candidate is taken to stand: as declared, else always or never, which is likelier."""
    always, *_, never = births.posterior[:, index]
    return int(births.month[index]) if births.declared[index] else 0 if always >= never else NEVER


def _verdict(births: Births, index: int) -> str:
    if births.declared[index]:
        return f"declared born in {MONTHS[births.month[index]]}, P = {births.probability[index]:.2f}"
    always, *_, never = births.posterior[:, index]
    return f"no birth declared; P(always) = {always:.2f}, P(never) = {never:.2f}"


def follow(town: Neighbourhood, params: TrackParams) -> pd.DataFrame:
    """Return ``TRACKS`` of the neighbourhood."""
    return TRACKS.check(track_buildings(town.cube, UPSAMPLING, params).assign(aoi=AOI))


ROW_SHAPE_PX = (13, 52)
ROW = {4: 0.95, 10: 0.8, 17: 0.4, 22: 0.34, 27: 0.42, 32: 0.3, 37: 0.36, 45: 0.5}
"""Left edge of each house of a row, pixels, to its probability: two bright ones wall to wall, faint ones beside."""

SEAM = 0.5
"""What the detector knows of the seam between two houses, as a share of what it knows of the houses."""


def row_of_houses() -> tuple[Probabilities, list[tuple[float, float, float, float]]]:
    """Return what a detector without noise makes of a row of faint houses beside two bright ones, and the houses."""
    boxes = [(float(left), 4.5, left + (6.0 if sure > 0.6 else 4.0), 8.5) for left, sure in ROW.items()]
    ids = burn_ids([box(*edges) for edges in boxes], ROW_SHAPE_PX, UPSAMPLING)
    sure = np.append(0.0, list(ROW.values()))[ids]
    near = SEAM * ndimage.maximum_filter(sure, 9)
    channels = np.stack([sure, sure * SEAM * boundary_mask(ids), near * contact_mask(ids, 3)])
    blurred = ndimage.gaussian_filter(channels, (0, BLUR, BLUR))
    return Probabilities((blurred * CERTAIN).round().astype(np.uint8), np.ones(ids.shape, dtype=bool)), boxes


def ways(image: Probabilities, track: TrackParams) -> tuple[NDArray[np.float32], list[Parted]]:
    """Part the row by two pairs of thresholds and by its peaks: the evidence of the peaks, and what each way finds."""
    channels = image.channels.astype(np.float32) / np.float32(CERTAIN)
    peaks = track.changepoint.change
    weighed = weigh(channels, peaks)
    found = []
    for seed, flood in ((0.5, 0.3), (0.2, 0.12)):
        chosen = track.instances.model_copy(update={"seed_threshold": seed, "flood_threshold": flood})
        ids = find_instances(channels, image.usable, chosen, UPSAMPLING)
        found.append(Parted(f"watershed, seeds above {seed:g}", ids, weighed > seed, {"seeds above": seed}))
    ids = find_peaks(weighed, image.usable, peaks, UPSAMPLING)
    found.append(Parted("peaks", ids, peak_seeds(weighed, image.usable, peaks), {}))
    return ndimage.gaussian_filter(weighed, peaks.smooth_px * UPSAMPLING), found


def peak_seeds(weighed: NDArray[np.float32], usable: NDArray[np.bool_], params: PeakParams) -> NDArray[np.bool_]:
    """Return the seeds of ``find_peaks``: what is left of buildings that hardly reach down from their own level."""
    narrow = params.model_copy(update={"flood_ratio": 0.999, "min_area_px2": 0.0})
    return find_peaks(weighed, usable, narrow, UPSAMPLING) > 0


def main() -> None:
    """Draw all and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "docs" / "img")
    out = parser.parse_args().out
    track = load_params(ROOT / "params.yaml").output.of_tracks()
    town = Neighbourhood()
    truth = town.truth()
    found = follow(town, track.model_copy(update={"method": "changepoint"}))
    model = track.changepoint.births
    image, boxes = row_of_houses()
    evidence, parted = ways(image, track)
    pictures = {
        "series": cases_figure(cases(town, model), MONTHS, births_of(town, model).levels, model.min_probability),
        "births": births_figure(truth, found, MONTHS, diagnose(score_scot(truth, found).aois).births),
        "peaks": parting_figure(evidence, boxes, parted, UPSAMPLING),
    }
    for name, picture in pictures.items():
        with replacing(out / f"tracking_{name}.png") as temporary:
            temporary.write_bytes(png(picture))
    for name, variant in variants(track).items():
        print(row(name, truth, follow(town, variant)))


def variants(track: TrackParams) -> dict[str, TrackParams]:
    """Name every tracker, and two changes of ``changepoint``."""
    named = {name: track.model_copy(update={"method": name}) for name in ("changepoint", "collapse", "baseline")}
    ours = named["changepoint"]
    named["changepoint, neighbours not asked"] = with_values(ours, {"changepoint.births.neighbour_weight": 0.0}, "")
    named["changepoint, every month counts in full"] = with_values(
        ours, {"changepoint.births.evidence_weight": 1.0}, ""
    )
    return named


def row(name: str, truth: pd.DataFrame, found: pd.DataFrame) -> str:
    """Return one line of a table of scores."""
    aoi = score_scot(truth, found).aois[AOI]
    births = f"{aoi.change_tp} / {aoi.change_fp} / {aoi.change_fn}"
    scores = f"{aoi.combo_score:.2f} | {aoi.track_score:.2f} | {aoi.change_score:.2f}"
    return f"| {name} | {scores} | {births} |"


if __name__ == "__main__":
    main()
