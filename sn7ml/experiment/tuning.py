"""The tracker's params, searched on cached probabilities. Trials are cheap, so one MLflow run holds them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import optuna
import pandas as pd
import shapely
from optuna.samplers import TPESampler

from sn7ml.buildings.changepoint import decide
from sn7ml.buildings.evidence import ChangeEvidence, collapse_change
from sn7ml.buildings.track import track_buildings
from sn7ml.data.probabilities import CroppedCube
from sn7ml.experiment.runs import create_run, ending
from sn7ml.experiment.scoring import Truth, scored_part
from sn7ml.experiment.store import SEARCH, Store
from sn7ml.experiment.study import DEFAULTS, contains, suggest
from sn7ml.metrics.scot import score_scot
from sn7ml.params import TrackParams, TuneParams, flatten, with_values
from sn7ml.tables import TRACKS

SCORES = ("scot", "tracking", "change")


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
            found = decide(self.cube, evidence, self.cube.upsampling, params.changepoint)
        else:
            found = track_buildings(self.cube, self.cube.upsampling, params)
        moved = shapely.transform(found["geometry"].to_numpy(), lambda xy: np.add(xy, (self.cube.start_px, 0)))
        return TRACKS.check(found.assign(aoi=self.name, geometry=pd.Series(moved, dtype="object")))


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
    areas: Mapping[str, Area],
    truth: Truth,
    track: TrackParams,
    params: TuneParams,
    on_trial: OnTrial = lambda _row: None,
) -> Tuned:
    """Find the tracker's params with the best mean SCOT over AOIs; the first trial is ``track`` itself.

    Optuna's TPE, one trial after the other, so that the same inputs give the same best. Of equal trials the earlier one
    is taken.

    Parameters
    ----------
    areas
        AOI to its probabilities.
    truth
        Of the columns that trials are scored on.

    Raises
    ------
    LabelError
        If there is no truth to score with.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=TPESampler(seed=params.seed, multivariate=True))
    defaults = flatten(track)
    inside_space = {
        choice.param: defaults[choice.param] for choice in params.space if contains(choice, defaults[choice.param])
    }
    study.enqueue_trial(inside_space, user_attrs={DEFAULTS: True})
    rows: list[dict[str, Any]] = []
    for number in range(params.trials):
        trial = study.ask()
        values = suggest(trial, params.space, defaults)
        scores = score(areas, truth, with_values(track, values, "tune.space"))
        study.tell(trial, scores["scot"])
        rows.append({"number": number} | scores | values)
        on_trial(rows[-1])
    trials = pd.DataFrame(rows)
    best = rows[int(trials["scot"].to_numpy().argmax())]
    chosen = {choice.param: best[choice.param] for choice in params.space}
    return Tuned(with_values(track, chosen, "tune.space"), trials)


def score(areas: Mapping[str, Area], truth: Truth, params: TrackParams) -> dict[str, float]:
    """Return scot, tracking and change of a tracker, means over AOIs."""
    tracks = pd.concat([area.track(params) for area in areas.values()], ignore_index=True)
    result = score_scot(truth.polygons, scored_part(tracks, truth))
    return {"scot": result.score, "tracking": result.tracking, "change": result.change}


def record(store: Store, tuned: Tuned, params: TuneParams) -> None:
    """Write a tuning into MLflow: one run in the experiment of searches, a step per trial."""
    values = {f"tune.{name}": value for name, value in flatten(params).items()} | flatten(tuned.best)
    with ending(create_run(store, SEARCH, f"tune-{len(tuned.trials)}-trials", {"sn7.kind": "tune"}, values)) as run:
        for row in tuned.trials.to_dict("records"):
            run.log_metrics({f"tune_{name}": row[name] for name in SCORES}, int(row["number"]))
        run.log_table(tuned.trials, "trials.json")
