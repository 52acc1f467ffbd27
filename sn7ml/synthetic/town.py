"""The buildings of a synthetic town, each with its outline, and when each is built and demolished."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point, Polygon

from sn7ml.synthetic.chance import between
from sn7ml.synthetic.outlines import draw_halls, draw_houses, draw_shed, draw_sides, rectangle
from sn7ml.synthetic.place import Place
from sn7ml.synthetic.streets import OPEN_KINDS, District, draw_districts, draw_runs, frame_of

DENSITY_PER_PX2 = 4700 / 1024**2
"""Buildings per pixel of an average SpaceNet 7 frame."""

SEEN_SHARE = 0.3
"""A building is labelled where at least this part of it lies within the image."""

NEVER = 10_000
BORN_SHARES = (0.12, 0.17)
GONE_SHARE = 0.02

WILD, LEVELLED, SETTLED = 0, 1, 2
"""States of the ground of a group of buildings."""


@dataclass(frozen=True)
class Building:
    """An outline in pixels ``(x, y)``; ``group`` numbers the run (or yard) it was built with."""

    outline: Polygon
    group: int
    kind: str
    """``house``, ``hall`` or ``shed``; a lone farmhouse counts as a hall, which is never born with a street."""


@dataclass(frozen=True)
class Group:
    """Buildings that share a street or a yard."""

    ground: Polygon
    """Levelled before they are built, and yards afterwards."""

    street: LineString | None


@dataclass(frozen=True)
class Town:
    """All that is ever built in an AOI."""

    districts: list[District]
    groups: list[Group]
    buildings: list[Building]


def build_town(place: Place) -> Town:
    """Lay out the town of an AOI, at the density of real frames (at least 8 buildings)."""
    size_px = max(place.shape)
    rng = place.stream("buildings")
    districts = draw_districts(place.stream("districts"), size_px)
    target = max(8, round(size_px**2 * DENSITY_PER_PX2 * between(rng, 0.9, 1.15)))
    turn = between(rng, 0.0, np.pi / 2)
    town, seen = Town([], [], []), 0
    for district in districts:
        if seen >= 0.9 * target:
            break
        before = len(town.buildings)
        _build(rng, town, district, turn)
        seen += sum(_is_seen(building.outline, place) for building in town.buildings[before:])
        town.districts.append(district)
    for rank, district in enumerate(districts[len(town.districts) :]):
        town.districts.append(District(OPEN_KINDS[rank % len(OPEN_KINDS)], district.cell))
        _build(rng, town, town.districts[-1], turn)
    return _trim(town, place, target)


def _is_seen(outline: Polygon, place: Place) -> bool:
    rows, cols = place.shape
    return bool(shapely.clip_by_rect(outline, 0, 0, cols, rows).area >= SEEN_SHARE * outline.area)


def _trim(town: Town, place: Place, target: int) -> Town:
    """Drop buildings that overlap an earlier one or lie outside the image, and runs until the number fits."""
    outlines = np.array([each.outline for each in town.buildings], dtype=object)
    first, second = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    pairs = first < second
    first, second = first[pairs], second[pairs]
    overlap = shapely.area(shapely.intersection(outlines[first], outlines[second]))
    late = set(second[overlap > 0.15].tolist())
    buildings = [
        each for index, each in enumerate(town.buildings) if index not in late and _is_seen(each.outline, place)
    ]
    surplus = len(buildings) - target
    dropped: set[int] = set()
    for group in sorted({each.group for each in buildings if each.kind == "house"}, reverse=True):
        size = sum(each.group == group for each in buildings)
        if 0 < size <= surplus:
            dropped.add(group)
            surplus -= size
    return Town(town.districts, town.groups, [each for each in buildings if each.group not in dropped])


def _build(rng: np.random.Generator, town: Town, district: District, turn: float) -> None:
    """Build what stands in a district: a few lone houses on open land, halls in a yard, or houses along its streets."""
    if district.kind in OPEN_KINDS:
        low_x, low_y, high_x, high_y = district.cell.buffer(-3).bounds
        for _ in range(int(rng.integers(2, 7) if district.kind == "farm" else rng.integers(0, 2))):
            place = Point(between(rng, low_x, high_x), between(rng, low_y, high_y))
            lie = between(rng, 0.0, np.pi)
            if district.cell.contains(place):
                width, depth = draw_sides(rng, rng.random())
                house = rectangle((place.x, place.y), lie, (-width / 2, width / 2), (0.0, depth))
                _add_group(town, [house], house.buffer(between(rng, 1.0, 4.0), join_style="mitre"), None)
        return
    frame = frame_of(rng, district, turn)
    if district.kind == "works":
        _add_group(town, draw_halls(rng, district, frame), district.cell.buffer(-2.5), None)
        return
    inner = district.cell.buffer(-3.5)
    for run in draw_runs(rng, district, frame):
        houses = [each for each in draw_houses(rng, run, district.kind) if inner.covers(each.centroid)]
        if len(houses) < 2:
            continue
        street = run.street().intersection(district.cell.buffer(1.5))
        street = street if isinstance(street, LineString) else None
        sheds = [draw_shed(rng, house, frame.turn) for house in houses if rng.random() < 0.05]
        verge = Polygon() if street is None else street.buffer(2.5)
        _add_group(town, houses, shapely.union_all(houses).convex_hull.buffer(3.6).union(verge), street)
        town.buildings.extend(Building(shed, len(town.groups) - 1, "shed") for shed in sheds)


def _add_group(town: Town, outlines: list[Polygon], ground: Polygon, street: LineString | None) -> None:
    kind = "hall" if street is None else "house"
    town.groups.append(Group(ground, street))
    town.buildings.extend(Building(outline, len(town.groups) - 1, kind) for outline in outlines)


@dataclass(frozen=True)
class TownLives:
    """Births and demolitions, as indices in the calendar, in the order of the ids: building ``k`` has id ``k``."""

    buildings: list[Building]
    birth: NDArray[np.int64]
    """First month in which it stands; 0 for what stood before."""

    end: NDArray[np.int64]
    """First month in which it stands no more, or ``NEVER``."""

    levelled: NDArray[np.int64]
    """Per group: the first month of bare, levelled ground."""

    settled: NDArray[np.int64]
    """Per group: the first month of yards and gardens."""

    def standing(self, month: int) -> NDArray[np.bool_]:
        """Return whether each building stands in a month, (buildings,)."""
        return np.asarray((self.birth <= month) & (month < self.end))

    def ground(self, month: int) -> NDArray[np.uint8]:
        """Return the ground of each group in a month, (groups,): WILD, LEVELLED or SETTLED."""
        return (month >= self.levelled).astype(np.uint8) + (month >= self.settled)


def draw_lives(town: Town, place: Place) -> TownLives:
    """Draw the lives: whole new streets, a few houses in between, a few demolitions.

    Buildings are born and demolished in months that have an image. Ids begin with the buildings of the start, largest
    first, and go on with the new ones by month, as in the real labels. Ground is levelled and settled long ago, or
    around the births of a street of which every house is new.
    """
    rng = place.stream("lives")
    birth = _births(rng, town, place)
    end = np.full(len(birth), NEVER)
    if months := place.frames()[1:]:
        for k in rng.permutation(np.flatnonzero(birth == 0))[: max(1, round(len(birth) * GONE_SHARE))]:
            end[k] = months[int(rng.integers(0, len(months)))]
    order = sorted(range(len(birth)), key=lambda k: (birth[k], -town.buildings[k].outline.area, k))
    levelled, settled = np.full((2, len(town.groups)), NEVER)  # a group without buildings stays wild
    groups = np.array([each.group for each in town.buildings])
    for group in np.unique(groups):
        born = birth[groups == group]
        levelled[group] = settled[group] = -NEVER
        if born.min() > 0:
            levelled[group] = born.min() - int(rng.integers(1, 5))
            settled[group] = born.max() + int(rng.integers(1, 4))
    return TownLives([town.buildings[k] for k in order], birth[order], end[order], levelled, settled)


def _births(rng: np.random.Generator, town: Town, place: Place) -> NDArray[np.int64]:
    birth = np.zeros(len(town.buildings), dtype=np.int64)
    months = place.frames()[1:]
    if not months:
        return birth
    wanted = round(len(birth) * between(rng, *BORN_SHARES))
    infill = round(wanted * 0.15)
    houses = [k for k, each in enumerate(town.buildings) if each.kind != "hall"]
    groups = np.array(sorted({town.buildings[k].group for k in houses}))
    born: list[int] = []
    for group in rng.permutation(groups):
        street = [k for k in houses if town.buildings[k].group == group][: max(0, wanted - infill - len(born))]
        first = int(rng.integers(0, len(months)))
        for k in street:
            birth[k] = months[min(first + int(rng.random() < 0.35), len(months) - 1)]
        born += street
    others = [k for k in range(len(birth)) if birth[k] == 0]
    for k in rng.permutation(others)[: wanted - len(born)]:
        birth[k] = months[int(rng.integers(0, len(months)))]
    return birth
