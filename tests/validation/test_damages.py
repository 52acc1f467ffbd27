"""Each way to damage a set is caught by the expectation meant for it, with the file named; nothing else is critical.

Damages are done, and facts gathered, one at a time. The facts are judged together, since judging a hundred times would
take longer than all the rest: an expectation looks at rows, or at the rows of one AOI, and every damage has AOIs of its
own here.
"""

import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sn7ml.outputs.footprints import write_footprints
from sn7ml.params import Split
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.layouts.spacenet7 import SPACENET7, scan
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.validation.facts.footprints import found_facts
from sn7ml.validation.facts.tiles import region_facts, tile_facts
from sn7ml.validation.report import Offender, Report
from sn7ml.validation.run import judge_tables, raw_facts
from sn7ml.validation.suites import Suites, found_suites, suites, tile_suites
from tests.sn7_folder import scenes_of
from tests.validation.damages import OF_IMAGES, PARAMS, Damage, Town, make_base
from tests.validation.found_damages import OF_FOUND, Found
from tests.validation.label_damages import OF_LABELS
from tests.validation.tile_damages import OF_REGIONS, OF_TILES, SPLIT, TARGET, TILING, Store

ROOT = Path(__file__).resolve().parents[2]

Facts = dict[str, pd.DataFrame]
RAW = (*OF_IMAGES, *OF_LABELS)
TILED = (*OF_TILES, *OF_REGIONS)
RAW_SUITES = suites(PARAMS)
TILE_SUITES = tile_suites(PARAMS, SPLIT, TILING)
FOUND_SUITES = found_suites(PARAMS, "changepoint")
PREDICTED: tuple[Split, ...] = ("test", "validation")


@dataclass(frozen=True)
class Base:
    """The undamaged set, the tiles cut of it, and footprints as a perfect tracker would find them."""

    root: Path
    scenes: Scenes
    tiles: Path
    found: Path

    def aoi_found(self) -> str:
        return sorted(path.stem for path in self.found.iterdir())[0]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("base")
    make_base(folder / "data")
    scenes = scenes_of(folder / "data", split=SPLIT)
    write_tiles(folder / "data", scenes, SPLIT, TILING, TARGET, folder / "tiles")
    aois = sorted(TileStore(folder / "tiles").columns(PREDICTED))
    write_footprints(folder / "found", perfect(scenes, aois), scenes.grids_of(aois))
    return Base(folder / "data", scenes, folder / "tiles", folder / "found")


def perfect(scenes: Scenes, aois: list[str]) -> pd.DataFrame:
    """The labels as ``TRACKS``, every building from its first month to the end."""
    truth = scenes.labels_of(aois).sort_values("time")
    first = truth.drop_duplicates(["aoi", "id"])
    months = scenes.frames[["aoi", "time"]]
    tracks = first.rename(columns={"time": "birth_month"}).merge(months, on="aoi")
    tracks = tracks[tracks["time"] >= tracks["birth_month"]]
    return tracks.assign(birth_probability=0.5, confidence=0.9).sort_values(["aoi", "time", "id"], ignore_index=True)


Damaged = Mapping[str, Mapping[str, list[Offender]]]
"""Name of a damage to expectation to its offenders."""


def judged(facts: Mapping[str, Facts], wanted: Suites) -> Damaged:
    """Judge the facts of every damage; each has AOIs of its own."""
    stacked = {
        suite: pd.concat(
            [tables[suite].assign(aoi=tables[suite]["aoi"] + f"|{name}") for name, tables in facts.items()],
            ignore_index=True,
        )
        for suite in wanted
    }
    if "footprints" in stacked:
        stacked["footprints"]["number"] = range(len(stacked["footprints"]))
    found: dict[str, dict[str, list[Offender]]] = {name: defaultdict(list) for name in facts}
    for result in judge_tables(stacked, wanted).results:
        for offender in result.offenders:
            found[offender.aoi.partition("|")[2]][result.name].append(offender)
    return found


def held(caught: Mapping[str, list[Offender]], damage: Damage, aoi: str, wanted: Suites) -> None:
    """Assert that the damage was caught, with area, months and file, and that nothing else stops the pipeline."""
    assert damage.expectation in caught, sorted(caught)
    mine = [it for it in caught[damage.expectation] if it.aoi.startswith(aoi)]
    assert sorted({it.month for it in mine}) == sorted(set(damage.months))
    for offender in mine:
        assert aoi in offender.file or offender.file.startswith("regions.parquet: ")
    critical = {check.name for suite in wanted.values() for check in suite if check.severity == "critical"}
    assert set(caught) & critical <= {damage.expectation, *damage.also}
    assert bool(set(caught) & critical) is damage.stops


def of_raw(base: Base, damage: Damage, folder: Path) -> Facts:
    shutil.copytree(base.root, folder / "data")
    damage.do(Town(folder / "data"))
    sources = scan(folder / "data")
    chosen = sources[sources["aoi"].isin({damage.aoi, *damage.beside})]
    return raw_facts(folder / "data", chosen, SPACENET7)


def of_tiles(base: Base, damage: Damage, folder: Path) -> Facts:
    shutil.copytree(base.tiles, folder / "tiles")
    damage.do(Store(folder / "tiles"))
    store = TileStore(folder / "tiles")
    return {"tiles": tile_facts(base.scenes, store, TARGET), "regions": region_facts(base.scenes, store)}


def of_found(base: Base, damage: Damage, folder: Path) -> Facts:
    shutil.copytree(base.found, folder / "found")
    damage.do(Found(folder / "found", base.aoi_found()))
    return found_facts(base.scenes, TileStore(base.tiles), folder / "found", PREDICTED)


def all_of(
    base: Base,
    damages: tuple[Damage, ...],
    facts_of: Callable[[Base, Damage, Path], Facts],
    wanted: Suites,
    folder: Path,
) -> Damaged:
    facts = {}
    for number, damage in enumerate(damages):
        facts[damage.name] = facts_of(base, damage, folder / str(number))
        shutil.rmtree(folder / str(number))
    return judged(facts, wanted)


@pytest.fixture(scope="module")
def raw(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    return all_of(base, RAW, of_raw, RAW_SUITES, tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def tiled(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    return all_of(base, TILED, of_tiles, TILE_SUITES, tmp_path_factory.mktemp("tiled"))


@pytest.fixture(scope="module")
def found(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    return all_of(base, OF_FOUND, of_found, FOUND_SUITES, tmp_path_factory.mktemp("found"))


def names(damage: Damage) -> str:
    return damage.name


@pytest.mark.parametrize("damage", RAW, ids=names)
def test_damaged_data_fails_the_expectation_meant_for_it_and_nothing_else_is_critical(
    raw: Damaged, damage: Damage
) -> None:
    held(raw[damage.name], damage, damage.aoi, RAW_SUITES)


@pytest.mark.parametrize("damage", TILED, ids=names)
def test_damaged_tiles_fail_the_expectation_meant_for_them_and_nothing_else_is_critical(
    tiled: Damaged, damage: Damage
) -> None:
    held(tiled[damage.name], damage, damage.aoi, TILE_SUITES)


@pytest.mark.parametrize("damage", OF_FOUND, ids=names)
def test_damaged_footprints_fail_the_expectation_meant_for_them_and_nothing_else_is_critical(
    base: Base, found: Damaged, damage: Damage
) -> None:
    held(found[damage.name], damage, base.aoi_found(), FOUND_SUITES)


def facts_of_base(base: Base) -> dict[str, Facts]:
    store = TileStore(base.tiles)
    return {
        "raw": raw_facts(base.root, scan(base.root), SPACENET7),
        "tiles": {"tiles": tile_facts(base.scenes, store, TARGET), "regions": region_facts(base.scenes, store)},
        "found": found_facts(base.scenes, store, base.found, PREDICTED),
    }


EVERYTHING = {"raw": RAW_SUITES, "tiles": TILE_SUITES, "found": FOUND_SUITES}


@pytest.fixture(scope="module")
def undamaged(base: Base) -> dict[str, Facts]:
    return facts_of_base(base)


@pytest.mark.parametrize("kind", EVERYTHING)
def test_what_is_undamaged_meets_every_expectation(undamaged: dict[str, Facts], kind: str) -> None:
    report: Report = judge_tables(undamaged[kind], EVERYTHING[kind])
    assert report.failures() == []


@pytest.mark.parametrize("kind", EVERYTHING)
def test_empty_tables_fail_and_nothing_else_does(undamaged: dict[str, Facts], kind: str) -> None:
    empty: dict[str, Any] = {suite: table.iloc[:0] for suite, table in undamaged[kind].items()}
    report = judge_tables(empty, EVERYTHING[kind])
    assert {result.name for result in report.failures()} == rows_exist(EVERYTHING[kind])
    assert not report.ok


def rows_exist(wanted: Suites) -> set[str]:
    return {check.name for suite in wanted.values() for check in suite if not check.column}


def test_names_of_damages_differ() -> None:
    for damages in (RAW, TILED, OF_FOUND):
        assert len({damage.name for damage in damages}) == len(damages)


@pytest.mark.parametrize(("kind", "damages"), [("raw", RAW), ("tiles", TILED), ("found", OF_FOUND)])
def test_every_expectation_has_a_damage(kind: str, damages: tuple[Damage, ...]) -> None:
    wanted = {check.name for suite in EVERYTHING[kind].values() for check in suite}
    elsewhere = {"names are SpaceNet 7's"} & wanted  # the catalog refuses such files: see test_run
    assert wanted == {damage.expectation for damage in damages} | rows_exist(EVERYTHING[kind]) | elsewhere
