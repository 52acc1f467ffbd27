"""Networks scored on ground that they have not seen, several seeds each: docs/tasks/.

    python -m benchmarks.leave_one_out DATA [--params configs/buildings.yaml] [--seeds 7 8 9] [--scenes PATTERN ...]
    python -m benchmarks.leave_one_out DATA --params configs/building-distance.yaml --as-split [--test-aois PATTERN ...]

A scene is built-up if buildings cover a tenth of it. Each is held out in turn, with one of the empty scenes as far as
there are any, so that what is found on empty ground is told by networks that did not learn this ground either. With
``--as-split`` the params say what is held out. Nothing is searched or tuned: every setting is that of the params.
"""

import argparse
import fnmatch
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import shapely

import sn7ml
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.metrics.score import Evaluation
from sn7ml.params import Params, Usage, load_params

BUILT_UP = 0.1
"""Share of a scene's pixels."""


def main() -> None:
    """Print a row for each network, and the means by seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--params", type=Path, default=Path("configs/buildings.yaml"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--scenes", nargs="+", default=["*"], help="patterns of the scenes to hold out, one by one")
    parser.add_argument("--as-split", action="store_true", help="hold out what the params say")
    parser.add_argument("--test-aois", nargs="+", help="with --as-split: these, of all AOIs")
    asked = parser.parse_args()
    params = load_params(asked.params)
    if asked.as_split:
        if asked.test_aois:
            params = held_out(params, asked.test_aois, all_aois=True)
        rows = of_the_split(asked.data, params, asked.seeds)
    else:
        rows = one_by_one(asked.data, params, asked.seeds, asked.scenes)
    found: list[Row] = []
    for row in rows:
        if not found:
            print(f"| {' | '.join(row)} |\n|{' --- |' * len(row)}")
        words = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]
        print(f"| {' | '.join(words)} |", flush=True)
        found.append(row)
    means = pd.DataFrame(found).groupby("seed").mean(numeric_only=True)
    for name, values in means.items():
        print(f"{name}: mean {values.mean():.3f}; by seed {', '.join(f'{value:.3f}' for value in values)}")


Row = dict[str, str | int | float]


def one_by_one(data: Path, params: Params, seeds: Sequence[int], patterns: Sequence[str]) -> Iterator[Row]:
    """Yield the scores of each built-up scene that a pattern names."""
    built, empty = scenes_of(data, params)
    chosen = [aoi for aoi in built if any(fnmatch.fnmatch(aoi, pattern) for pattern in patterns)]
    for seed in seeds:
        for place, aoi in enumerate(chosen):
            beside = empty[place % len(empty)] if empty else ""
            held = [name for name in (aoi, beside) if name]
            evaluation, seconds = score(data, held_out(params, held), seed)
            rows = {str(row["aoi"]): row for row in evaluation.per_aoi.to_dict("records")}
            own: Row = {"held out": aoi, "seed": seed, "IoU": float(rows[aoi]["iou"]), "all building": built[aoi]}
            own |= {"F1": float(rows[aoi]["f1"]), "area error": float(rows[aoi]["built_error"])}
            if beside:
                own["empty scene built"] = float(rows[beside]["built_share"])
            yield own | {"training, s": seconds}


def of_the_split(data: Path, params: Params, seeds: Sequence[int]) -> Iterator[Row]:
    """Yield the scores of the test split."""
    for seed in seeds:
        evaluation, seconds = score(data, params, seed)
        row: Row = {"seed": seed, **{name: float(value) for name, value in evaluation.overall.items()}}
        yield row | {"IoU, all building": evaluation.trivial["all building"]["iou"], "training, s": seconds}


def held_out(params: Params, aois: Sequence[str], *, all_aois: bool = False) -> Params:
    """Return params that hold out some AOIs, of those that take part or of all."""
    change: dict[str, object] = {"test_aois": tuple(aois)} | ({"aois": None} if all_aois else {})
    return params.model_copy(update={"split": params.split.model_copy(update=change)})


def scenes_of(data: Path, params: Params) -> tuple[dict[str, float], list[str]]:
    """Return the built-up scenes, each with its built share, and the empty ones, of those with labels."""
    with tempfile.TemporaryDirectory() as folder:
        found = sn7ml.ingest(data, params, folder)
        frames, labels = found.frames[found.frames["labelled"]].set_index("aoi"), found.labels
        areas = labels.assign(area=shapely.area(labels["geometry"].to_numpy(dtype=object))).groupby("aoi")["area"].sum()
    share = areas.reindex(frames.index).fillna(0.0) / (frames["rows"] * frames["cols"])
    built = share[share >= BUILT_UP].sort_index()
    return dict(zip(built.index, built.tolist(), strict=True)), sorted(share.index[share == 0])


def score(data: Path, params: Params, seed: int) -> tuple[Evaluation, float]:
    """Train from the start, and score on the test split; return the seconds of the training too."""
    params = params.model_copy(update={"train": params.train.model_copy(update={"seed": seed})})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ingested = sn7ml.ingest(data, params, root / "scenes")  # the stretch is measured without what is held out
        tiles = sn7ml.cut_tiles(ingested, params, root / "tiles")
        started = time.monotonic()
        sn7ml.train(tiles, sn7ml.plan_of(params), root / "model", networks=params.train.networks)
        seconds = time.monotonic() - started
        usage = Usage(task=params.task, predict=params.predict, output=params.output)
        model = TrainedModel("model", str(root / "model"), "", root / "model", usage)
        return sn7ml.evaluate(model, ingested, tiles, params), seconds


if __name__ == "__main__":
    main()
