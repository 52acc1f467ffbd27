"""Search for the tracker's params on cached probabilities.

Reads DATA, TILES and PROBABILITIES, writes OUT/best.yaml (section track) and OUT/trials.csv; MLflow gets a run.
"""

from pathlib import Path

import yaml
from rich.progress import Progress

from sn7ml.data.catalog import scan
from sn7ml.data.probabilities import CroppedCube, ProbabilityCube
from sn7ml.data.regions import read_grids
from sn7ml.data.tiles import TileStore
from sn7ml.experiment.scoring import read_split_truth
from sn7ml.experiment.store import open_store
from sn7ml.experiment.tuning import Area, Tuned, record, tune, untuned
from sn7ml.params import Params, load_params
from sn7ml.runtime.files import write_text
from sn7ml.runtime.stage import run_stage

MARGIN_PX = 16
"""Columns beyond those that are scored, so that buildings on the line are seen whole."""


def main(data: Path, tiles: Path, probabilities: Path, out: Path) -> None:
    """Run the stage."""
    params = load_params()
    found = _search(data, tiles, probabilities, params) if params.tune.trials else untuned(params.track)
    write_text(out / "trials.csv", found.trials.to_csv(index=False))
    write_text(out / "best.yaml", yaml.safe_dump(found.best.model_dump(mode="json"), sort_keys=True))


def _search(data: Path, tiles: Path, probabilities: Path, params: Params) -> Tuned:
    frames = scan(data)
    columns = TileStore(tiles).columns(params.tune.splits)
    areas = {}
    for aoi, grid in read_grids(data, frames, list(columns)).items():
        starts, stops = zip(*columns[aoi], strict=True)
        wanted = max(min(starts) - MARGIN_PX, 0), min(max(stops) + MARGIN_PX, grid.shape[1])
        areas[aoi] = Area(aoi, CroppedCube(ProbabilityCube(probabilities / aoi, grid), wanted))
    truth = read_split_truth(data, frames, columns)
    with Progress() as progress:
        task = progress.add_task("tuning", total=params.tune.trials)
        found = tune(areas, truth, params.track, params.tune, lambda _row: progress.advance(task))
    record(open_store(), found, params.tune)
    first, best = found.trials["scot"].iloc[0], found.trials["scot"].max()
    print(f"SCOT on {', '.join(params.tune.splits)}: {first:.4f} as in params.yaml, {best:.4f} tuned")  # noqa: T201
    return found


if __name__ == "__main__":
    run_stage(main, "data", "tiles", "probabilities", "out")
