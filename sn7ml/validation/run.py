"""Judge tables of facts."""

from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

import pandas as pd

from sn7ml.core.schemas import FOUND, POLYGONS
from sn7ml.params import OutputParams, Params, ValidationParams
from sn7ml.scenes.conversion import IMAGES
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.layouts import Layout
from sn7ml.scenes.store import TileStore
from sn7ml.targets import Target
from sn7ml.validation.facts import TABLES
from sn7ml.validation.facts.class_counts import class_count_facts
from sn7ml.validation.facts.class_labels import class_facts
from sn7ml.validation.facts.footprints import found_facts
from sn7ml.validation.facts.frames import frame_facts
from sn7ml.validation.facts.image_labels import outline_facts
from sn7ml.validation.facts.images import image_facts
from sn7ml.validation.facts.labels import label_and_identity_facts
from sn7ml.validation.facts.stretch import stretch_facts
from sn7ml.validation.facts.tiles import region_facts, tile_facts
from sn7ml.validation.gx import judge
from sn7ml.validation.measured import measure
from sn7ml.validation.report import Report, Result
from sn7ml.validation.suites import (
    Suites,
    class_count_suites,
    class_suites,
    found_building_suites,
    found_suites,
    image_suites,
    suites,
)

Facts = Mapping[str, pd.DataFrame]
"""Suite → its table."""


def run_validation(root: Path, sources: pd.DataFrame, layout: Layout, params: ValidationParams) -> Report:
    """Read every file that a ``SOURCES`` table names, and judge what was found.

    Damaged files do not raise: they fail expectations. See ``Report.ok``.
    """
    return judge_tables(raw_facts(root, sources, layout), raw_suites(params, layout))


def raw_suites(params: ValidationParams, layout: Layout) -> Suites:
    """Return the suites of a layout's raw data."""
    if layout.class_maps:
        return class_suites(params)
    return image_suites(params) if layout.open_image else suites(params)


def raw_facts(root: Path, sources: pd.DataFrame, layout: Layout) -> dict[str, pd.DataFrame]:
    """Return ``FRAME_FACTS``, ``LABEL_FACTS`` and ``IDENTITY_FACTS`` as "frames", "labels" and "identity".

    Of a layout whose images are converted: ``IMAGE_FACTS`` and ``OUTLINE_FACTS`` as "images" and "outlines".
    """
    if layout.class_maps:
        return {"images": image_facts(root, sources, layout), "classes": class_facts(root, sources, layout)}
    if layout.open_image:
        return {"images": image_facts(root, sources, layout), "outlines": outline_facts(root, sources, layout)}
    labels, identity = label_and_identity_facts(root, sources, layout)
    return {"frames": frame_facts(root, sources, layout), "labels": labels, "identity": identity}


def validate_tiles(scenes: Scenes, store: TileStore, target: Target, wanted: Suites) -> Report:
    """Judge a tile store that was made of these scenes; ``wanted`` comes from ``tile_suites`` and ``stretch_suites``.

    What the stretch has left is judged where images were converted.
    """
    facts = {"tiles": tile_facts(scenes, store, target), "regions": region_facts(scenes, store)}
    if (scenes.folder / IMAGES).is_dir():
        facts["stretch"] = stretch_facts(scenes)
    return judge_tables(facts, wanted, "validation of tiles")


def validate_outputs(
    params: Params, output: OutputParams, scenes: Scenes, tiles: TileStore, folder: Path
) -> tuple[Report, pd.DataFrame]:
    """Judge what ``Output.write`` wrote to ``folder`` with the tuned section ``output``, by its task's expectations.

    Returns the report and the outlines that pictures of it show: aoi, time, id, geometry in pixel coordinates.
    """
    match params.task:
        case "buildings_through_time":
            facts = found_facts(scenes, tiles, folder, params.predict.splits)
            wanted = found_suites(params.validation, output.of_tracks().method)
            return judge_tables(facts, wanted, "validation of footprints"), facts["footprints"]
        case "buildings" | "building_distance":
            facts = found_facts(scenes, tiles, folder, params.predict.splits, FOUND)
            wanted = found_building_suites(params.validation)
            return judge_tables(facts, wanted, "validation of footprints"), facts["footprints"]
        case "land_use":
            counted = class_count_facts(scenes, tiles, folder, params.predict.splits)
            wanted = class_count_suites()
            return judge_tables({"class_counts": counted}, wanted, "validation of class maps"), POLYGONS.empty()
        case _ as unknown:
            assert_never(unknown)


def judge_tables(facts: Facts, wanted: Suites, subject: str = "validation") -> Report:
    """Judge tables of facts by the suites of the same names: one result per expectation, in the order of the suites.

    Equal facts give equal reports. Raises TableError if a table has other columns or types.
    """
    tables = {suite: TABLES[suite].check(table) for suite, table in facts.items()}
    results: list[Result] = []
    for suite, table in tables.items():
        judged = judge(suite, table, [check.bound() for check in wanted[suite]])
        for check in wanted[suite]:
            rows = sorted(judged[check.name].result.get("unexpected_index_list") or [])
            results.append(
                Result(
                    suite=suite,
                    name=check.name,
                    column=check.column,
                    severity=check.severity,
                    success=bool(judged[check.name].success),
                    why=check.why,
                    cure=check.cure,
                    offenders=tuple(check.offender(table.iloc[row]) for row in rows),
                    picture=check.picture,
                )
            )
    aois = {aoi for table in tables.values() for aoi in table["aoi"]}
    lengths = {suite: len(table) for suite, table in tables.items()}
    return Report(tuple(results), lengths, subject, len(aois), measure(tables))
