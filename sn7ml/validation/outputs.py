"""Judge what a task made of probabilities."""

from pathlib import Path
from typing import assert_never

import pandas as pd

from sn7ml.params import OutputParams, Params
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from sn7ml.validation.facts.footprints import found_facts
from sn7ml.validation.report import Report
from sn7ml.validation.run import judge_tables
from sn7ml.validation.suites import found_suites


def validate_outputs(
    params: Params, output: OutputParams, scenes: Scenes, tiles: TileStore, folder: Path
) -> tuple[Report, pd.DataFrame]:
    """Judge what ``Output.write`` wrote to ``folder`` with the tuned section ``output``, by its task's expectations.

    Returns the report and the outlines that pictures of it show: aoi, time, id, geometry in pixel coordinates.
    """
    match params.task:
        case "buildings_through_time":
            facts = found_facts(scenes, tiles, folder, params.predict.splits)
            wanted = found_suites(params.validation, output.tracks.method)
            return judge_tables(facts, wanted, "validation of footprints"), facts["footprints"]
        case _ as unknown:
            assert_never(unknown)
