"""When each building of a town is built and demolished, and the state of its ground."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sn7ml.synthetic.chance import between
from sn7ml.synthetic.place import Place
from sn7ml.synthetic.town import Building, Town

NEVER = 10_000
BORN_SHARES = (0.12, 0.17)
GONE_SHARE = 0.02

WILD, LEVELLED, SETTLED = 0, 1, 2


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
