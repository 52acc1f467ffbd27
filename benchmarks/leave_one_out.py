"""Each built-up scene scored by a network that has not seen it, nor one of the empty scenes: docs/tasks/buildings.md.

    python -m benchmarks.leave_one_out DATA [--params configs/buildings.yaml] [--seeds 7 8 9] [--scenes PATTERN ...]

A scene is built-up if buildings cover a tenth of it. Each is held out in turn, with one of the empty scenes as far as
there are any, so that what is found on empty ground is told by networks that did not learn this ground either. Nothing
is searched or tuned: every setting is that of the params.
"""

import argparse
import fnmatch
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

import sn7ml
from sn7ml.flow.data import Data
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.params import Params, Usage, load_params

BUILT_UP = 0.1
"""Share of a scene's pixels."""


def main() -> None:
    """Print a row per held-out scene and seed, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--params", type=Path, default=Path("configs/buildings.yaml"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--scenes", nargs="+", default=["*"], help="patterns of the scenes to hold out")
    asked = parser.parse_args()
    params = load_params(asked.params)
    built, empty = scenes_of(asked.data, params)
    chosen = [aoi for aoi in built if any(fnmatch.fnmatch(aoi, pattern) for pattern in asked.scenes)]
    print("| held out | seed | IoU (all building) | F1@.5 | precision | recall | empty scene built | training, s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    rows = []
    for seed in asked.seeds:
        for place, aoi in enumerate(chosen):
            held = [aoi, *empty[place % len(empty) :][:1]] if empty else [aoi]
            rows.append(score(asked.data, params, held, seed, built[aoi]))
            print(text_of(rows[-1]), flush=True)
    table = pd.DataFrame(rows)
    by_seed = table.groupby("seed")[["iou", "f1", "empty"]].mean()
    for name, values in by_seed.items():
        print(f"{name}: mean {values.mean():.3f}, of the seeds {' '.join(f'{value:.3f}' for value in values)}")


def scenes_of(data: Path, params: Params) -> tuple[dict[str, float], list[str]]:
    """Return the built-up scenes, each with its built share, and the empty ones, of those with labels."""
    with tempfile.TemporaryDirectory() as folder:
        found = sn7ml.ingest(data, params, folder)
        frames, labels = found.frames[found.frames["labelled"]].set_index("aoi"), found.labels
        areas = labels.assign(area=shapely.area(labels["geometry"].to_numpy(dtype=object))).groupby("aoi")["area"].sum()
    share = (areas.reindex(frames.index).fillna(0.0)) / (frames["rows"] * frames["cols"])
    built = share[share >= BUILT_UP].sort_index()
    return dict(zip(built.index, built.tolist(), strict=True)), sorted(share.index[share == 0])


def score(data: Path, params: Params, held: list[str], seed: int, share: float) -> dict[str, float | str]:
    """Train without the scenes ``held``, and score the network on them; ``share`` is how much of the first is built."""
    split = params.split.model_copy(update={"test_aois": tuple(held)})
    params = params.model_copy(update={"split": split, "train": params.train.model_copy(update={"seed": seed})})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ingested: Data = sn7ml.ingest(data, params, root / "scenes")  # the stretch is measured without the held ones
        tiles = sn7ml.cut_tiles(ingested, params, root / "tiles")
        started = time.monotonic()
        sn7ml.train(tiles, sn7ml.plan_of(params), root / "model", networks=params.train.networks)
        seconds = time.monotonic() - started
        usage = Usage(task=params.task, predict=params.predict, output=params.output)
        model = TrainedModel("model", str(root / "model"), "", root / "model", usage)
        evaluation = sn7ml.evaluate(model, ingested, tiles, params)
    rows = {row["aoi"]: row for row in evaluation.per_aoi.to_dict("records")}
    own, shares = rows[held[0]], [float(rows[aoi]["built_share"]) for aoi in held[1:]]
    counts = [int(own[f"f1_{kind}"]) for kind in ("tp", "fp", "fn")]
    return {
        "aoi": held[0],
        "seed": seed,
        "iou": float(own["iou"]),
        "all_building": share,
        "f1": float(own["f1"]),
        "precision": counts[0] / max(counts[0] + counts[1], 1),
        "recall": counts[0] / max(counts[0] + counts[2], 1),
        "empty": float(np.mean(shares)) if shares else np.nan,
        "seconds": seconds,
    }


def text_of(row: dict[str, float | str]) -> str:
    """Return a line of the table."""
    return (
        f"| {row['aoi']} | {row['seed']} | {row['iou']:.3f} ({row['all_building']:.3f}) | {row['f1']:.3f} | "
        f"{row['precision']:.3f} | {row['recall']:.3f} | {row['empty']:.2%} | {row['seconds']:.0f} |"
    )


if __name__ == "__main__":
    main()
