"""Each way to damage a set is caught by the expectation meant for it, with the file named, and nothing else is critical."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sn7ml.data.catalog import scan
from sn7ml.validation.report import Report
from sn7ml.validation.run import judge_tables, raw_facts
from sn7ml.validation.suites import suites
from tests.validation.damages import OF_IMAGES, PARAMS, Damage, Town, make_base
from tests.validation.label_damages import OF_LABELS

Facts = dict[str, pd.DataFrame]
RAW = (*OF_IMAGES, *OF_LABELS)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Facts]:
    root = tmp_path_factory.mktemp("base") / "data"
    make_base(root)
    return root, raw_facts(root, scan(root))


def judged(facts: Facts, of_base: Facts) -> Report:
    """Judge the tables that a damage changed: the others are as good as they were, which has a test of its own."""
    changed = {suite: table for suite, table in facts.items() if not _as_before(table, of_base[suite])}
    return judge_tables(changed, suites(PARAMS))


def _as_before(table: pd.DataFrame, of_base: pd.DataFrame) -> bool:
    same_aois = of_base[of_base["aoi"].isin(set(table["aoi"]))].reset_index(drop=True)
    return len(table) > 0 and table.equals(same_aois)


def held(report: Report, damage: Damage) -> None:
    """Assert that the damage was caught by its name, area, months and file, and that nothing else stops the pipeline."""
    failures = {result.name: result for result in report.failures()}
    assert damage.expectation in failures, sorted(failures)
    caught = failures[damage.expectation]
    mine = [it for it in caught.offenders if it.aoi == damage.aoi]
    assert tuple(it.month for it in mine) == damage.months
    for offender in mine:
        assert offender.aoi in offender.file
        assert offender.month.replace("-", "_") in offender.file
    critical = {name for name, result in failures.items() if result.severity == "critical"}
    assert critical <= {damage.expectation, *damage.also}
    assert report.ok == (caught.severity == "warning" and not damage.also)


def test_the_undamaged_set_meets_every_expectation(base: tuple[Path, Facts]) -> None:
    report = judge_tables(base[1], suites(PARAMS))
    assert report.failures() == []


@pytest.mark.parametrize("damage", RAW, ids=lambda damage: damage.name)
def test_a_damage_is_caught_by_the_expectation_meant_for_it_and_nothing_else_is_critical(
    base: tuple[Path, Facts], damage: Damage, tmp_path: Path
) -> None:
    shutil.copytree(base[0], tmp_path / "data")
    damage.do(Town(tmp_path / "data"))
    frames = scan(tmp_path / "data")
    read = frames[frames["aoi"].isin({damage.aoi, *damage.beside})]
    held(judged(raw_facts(tmp_path / "data", read), base[1]), damage)


def test_there_are_more_than_sixty_damages_and_their_names_differ() -> None:
    assert len({damage.name for damage in RAW}) == len(RAW)
    assert len(RAW) > 60


WHOLE: dict[str, Callable[[Facts], None]] = {
    "there are frames": lambda facts: facts.update(frames=facts["frames"].iloc[:0]),
    "there are labels": lambda facts: facts.update(labels=facts["labels"].iloc[:0]),
    "there are labels to follow through time": lambda facts: facts.update(identity=facts["identity"].iloc[:0]),
}


@pytest.mark.parametrize("expectation", WHOLE)
def test_an_empty_table_fails(base: tuple[Path, Facts], expectation: str) -> None:
    facts = dict(base[1])
    WHOLE[expectation](facts)
    assert [result.name for result in judged(facts, base[1]).failures()] == [expectation]


def test_every_expectation_about_raw_data_has_a_damage(base: tuple[Path, Facts]) -> None:
    names = {check.name for suite in suites(PARAMS).values() for check in suite}
    elsewhere = {"names are SpaceNet 7's"}  # the catalog refuses such files: see test_run
    assert names == {damage.expectation for damage in RAW} | set(WHOLE) | elsewhere
