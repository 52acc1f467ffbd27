"""What pages show of one task only."""

from collections.abc import Mapping
from functools import partial
from typing import assert_never

import pandas as pd
import plotly.graph_objects as go

from sn7ml.metrics.score import Evaluation, Score
from sn7ml.params import TaskName
from sn7ml.report.charts.confusion import draw_confusion
from sn7ml.report.charts.diagnosis_panels import draw_diagnosis
from sn7ml.report.maps.class_panels import ScoredMaps, draw_class_scenes
from sn7ml.report.maps.scene_panels import ScenePicture, ScoredScenes, chosen_scenes, draw_scenes
from sn7ml.report.maps.tracks import track_maps


def pictures_of(task: TaskName, tables: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """Draw a task's tables of an evaluation: name to PNG."""
    match task:
        case "buildings_through_time":
            return {"diagnosis": draw_diagnosis(tables["losses"], tables["births"], tables["sizes"])}
        case "buildings" | "building_distance":
            return {}
        case "land_use":
            return {"confusion": draw_confusion(tables["confusion"])}
        case _ as unknown:
            assert_never(unknown)


def scenes_of(
    task: TaskName, scenes: ScoredScenes | ScoredMaps, evaluation: Evaluation, score: Score, count: int
) -> list[ScenePicture]:
    """Draw some scored scenes, chosen by a score: see :func:`sn7ml.report.maps.scene_panels.chosen_scenes`."""
    chosen = partial(chosen_scenes, evaluation.per_aoi, evaluation.scored, score, count)
    match task:
        case "buildings_through_time":
            return []
        case "buildings" | "building_distance":
            assert isinstance(scenes, ScoredScenes)
            return draw_scenes(scenes, chosen())
        case "land_use":
            assert isinstance(scenes, ScoredMaps)
            return draw_class_scenes(scenes, chosen())
        case _ as unknown:
            assert_never(unknown)


def maps_of(task: TaskName, found: pd.DataFrame) -> list[go.Figure | bytes]:
    """Draw what was found in one AOI: figures, or PNGs."""
    match task:
        case "buildings_through_time":
            return track_maps(found)
        case "buildings" | "building_distance" | "land_use":
            return []
        case _ as unknown:
            assert_never(unknown)
