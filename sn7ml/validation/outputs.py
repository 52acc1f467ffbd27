"""Judge what a task made of probabilities."""

from pathlib import Path
from typing import assert_never

import pandas as pd

from sn7ml.params import OutputParams, Params
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from sn7ml.validation.facts import found_facts
from sn7ml.validation.report import Report
from sn7ml.validation.run import validate_found


def validate_outputs(
    params: Params, output: OutputParams, scenes: Scenes, tiles: TileStore, folder: Path
) -> tuple[Report, pd.DataFrame]:
    """Judge the output of the project's task by its own expectations.

    Parameters
    ----------
    output
        With what ``folder`` was made: the tuned section ``output``.
    folder
        What ``Output.write`` wrote.

    Returns
    -------
    Report
    pd.DataFrame
        Outlines that pictures of its findings show: aoi, time, id, geometry in pixel coordinates.
    """
    match params.task:
        case "buildings_through_time":
            facts = found_facts(scenes, tiles, folder, params.predict.splits)
            return validate_found(facts, params.validation, output.tracks.method), facts["footprints"]
        case _ as unknown:
            assert_never(unknown)
