"""The tracker's params, searched on cached probabilities. Trials are cheap, so one MLflow run holds them all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.samplers import TPESampler

from sn7ml.core.geo.polygons import moved
from sn7ml.core.runtime.parallel import residents
from sn7ml.core.schemas import TRACKS
from sn7ml.flow.evaluate import Truth, read_split_truth, scored_part
from sn7ml.metrics.scot import score_scot
from sn7ml.outputs.probabilities import CroppedCube, ProbabilityCube
from sn7ml.outputs.tracking.changepoint import decide
from sn7ml.outputs.tracking.evidence import ChangeEvidence, collapse_change
from sn7ml.outputs.tracking.track import shifted, track_buildings
from sn7ml.params import TrackParams, TuneParams, flatten, with_values
from sn7ml.runs.runs import create_run, ending
from sn7ml.runs.store import SEARCH, Store
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.scored_columns import read_grids, spanned
from sn7ml.scenes.store import TileStore
from sn7ml.search.space import GIVEN, inside, suggest

SCORES = ("scot", "tracking", "change")

MARGIN_PX = 16
"""Columns beyond those that are scored, so that buildings on the line are seen whole."""


class Area:
    """One AOI's cached probabilities, and what a tracker makes of them. What no trial changes is worked out once."""

    def __init__(self, name: str, cube: CroppedCube) -> None:
        self.name = name
        self.cube = cube
        self._evidence: Callable[[int], ChangeEvidence] = lru_cache(maxsize=2)(
            lambda tail_months: collapse_change(cube, tail_months)
        )

    def track(self, params: TrackParams) -> pd.DataFrame:
        """Return ``TRACKS`` in pixel coordinates of the whole original image."""
        if params.method == "changepoint":
            evidence = self._evidence(params.changepoint.tail_months)
            found = shifted(decide(self.cube, evidence, self.cube.upsampling, params.changepoint), params)
        else:
            found = track_buildings(self.cube, self.cube.upsampling, params)
        placed = moved(found["geometry"].to_numpy(), self.cube.start_px, 0)
        return TRACKS.check(found.assign(aoi=self.name, geometry=pd.Series(placed, dtype="object")))


@dataclass(frozen=True)
class Ground:
    """What trials are scored on."""

    areas: Mapping[str, Area]
    """AOI to its probabilities."""

    truth: Truth

    def score(self, params: TrackParams) -> dict[str, float]:
        """Return scot, tracking and change of a tracker, means over AOIs."""
        tracks = pd.concat([area.track(params) for area in self.areas.values()], ignore_index=True)
        result = score_scot(self.truth.polygons, scored_part(tracks, self.truth))
        return {"scot": result.score, "tracking": result.tracking, "change": result.change}


def read_ground(data: Path, tiles: Path, probabilities: Path, splits: Sequence[str]) -> Ground:
    """Read the probabilities and the labels of some splits; raises LabelError if there is no truth to score with."""
    frames, columns = scan(data), TileStore(tiles).columns(splits)
    areas = {}
    for aoi, grid in read_grids(data, frames, list(columns)).items():
        ((start, stop, _),) = spanned(columns)[aoi]
        seen = max(start - MARGIN_PX, 0), min(stop + MARGIN_PX, grid.shape[1])
        cube = ProbabilityCube(probabilities / aoi, grid)
        areas[aoi] = Area(aoi, CroppedCube(cube, cube.upsampling, seen))
    return Ground(areas, read_split_truth(data, frames, columns))


@dataclass(frozen=True)
class Tuned:
    """The outcome of a tuning."""

    best: TrackParams

    trials: pd.DataFrame
    """A row per trial: number, scot, tracking, change (means over AOIs), and what it tried under dotted keys."""


def untuned(track: TrackParams) -> Tuned:
    """Return a tracker as it is, after no trial."""
    return Tuned(track, pd.DataFrame(columns=["number", *SCORES]))


OnTrial = Callable[[Mapping[str, Any]], None]
"""Called after each trial with its row of the table."""


def tune(
    ground: Callable[[], Ground],
    track: TrackParams,
    params: TuneParams,
    on_trial: OnTrial = lambda _row: None,
) -> Tuned:
    """Find the tracker's params with the best mean SCOT over AOIs; the first trial is ``track`` itself.

    Optuna's TPE. Trials are drawn, scored side by side and told in rounds of ``params.at_once``, so that the same inputs
    give the same best on any number of workers. Of equal trials the earlier one is taken.

    Parameters
    ----------
    ground
        Makes what trials are scored on, in each worker; picklable.

    Raises
    ------
    LabelError
        If there is no truth to score with.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = TPESampler(seed=params.seed, multivariate=True, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    defaults = flatten(track)
    given, known = inside(params.space, defaults)
    study.enqueue_trial(known, user_attrs={GIVEN: given})
    rows: list[dict[str, Any]] = []
    with residents(ground, params.at_once) as on_ground:
        for first in range(0, params.trials, params.at_once):
            trials = [study.ask() for _ in range(min(params.at_once, params.trials - first))]
            values = [suggest(trial, params.space) for trial in trials]
            trackers = [with_values(track, chosen, "tune.space") for chosen in values]
            for trial, chosen, scores in zip(trials, values, on_ground(Ground.score, trackers), strict=True):
                study.tell(trial, scores["scot"])
                rows.append({"number": trial.number} | scores | chosen)
                on_trial(rows[-1])
    table = pd.DataFrame(rows)
    best = rows[int(table["scot"].to_numpy().argmax())]
    tried = {key: best[key] for key in (choice.param for choice in params.space) if key in best}
    return Tuned(with_values(track, tried, "tune.space"), table)


def record(store: Store, tuned: Tuned, params: TuneParams) -> None:
    """Write a tuning into MLflow: one run in the experiment of searches, a step per trial."""
    values = {f"tune.{name}": value for name, value in flatten(params).items()} | flatten(tuned.best)
    with ending(create_run(store, SEARCH, f"tune-{len(tuned.trials)}-trials", {"sn7.kind": "tune"}, values)) as run:
        for row in tuned.trials.to_dict("records"):
            run.log_metrics({f"tune_{name}": row[name] for name in SCORES}, int(row["number"]))
        run.log_table(tuned.trials, "trials.json")
