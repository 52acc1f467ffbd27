"""What SCOT makes of small faults: the real labels of an area scored against themselves, moved in space and in time.

    python -m benchmarks.score_labels [FOLDER]

FOLDER is what `sn7ml score` takes as truth; the real area of the reference data if not given. Prints the table of
docs/results.md.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.metrics.diagnosis import by_kind, diagnose
from sn7ml.metrics.footprints import match_footprints
from sn7ml.metrics.scot import score_scot
from sn7ml.outputs.submission import read_polygons

REAL = Path(__file__).resolve().parents[2] / "shared/data/sn7/train/L15-0357E-1223N_1429_3296_13/labels_match_pix"


def moved(truth: pd.DataFrame, right: float, down: float) -> pd.DataFrame:
    """Move every footprint by some pixels."""
    geometry = shapely.transform(truth["geometry"].to_numpy(), lambda xy: np.add(xy, (right, down)))
    return truth.assign(geometry=geometry)


def delayed(truth: pd.DataFrame) -> pd.DataFrame:
    """Propose in every month what stood in the one before; in the first month nothing."""
    months = sorted(truth["time"].unique())
    following = dict(pairwise(months))
    return truth.assign(time=truth["time"].map(following)).dropna(subset="time")


def born_late(truth: pd.DataFrame) -> pd.DataFrame:
    """Propose the same, and in the first month what stands there: only births and ends are late."""
    first = truth[truth["time"] == truth["time"].min()]
    both: pd.DataFrame = pd.concat([first, delayed(truth)], ignore_index=True)
    return both


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=REAL)
    truth = read_polygons(parser.parse_args().folder)
    proposals = {
        "the labels themselves": truth,
        "moved by (1.5, 0.5) px": moved(truth, 1.5, 0.5),
        "a month late, the first month as it is": born_late(truth),
        "a month late, nothing in the first month": delayed(truth),
    }
    heads = (
        "proposed | SCOT | tracking | change | births right / false / missed | switches | F1 (IoU 0.25) | costs most"
    )
    print(f"| {heads} |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, proposed in proposals.items():
        print(row(name, truth, proposed), flush=True)


def row(name: str, truth: pd.DataFrame, proposed: pd.DataFrame) -> str:
    """Return one line of the table."""
    result = score_scot(truth, proposed)
    aois = result.aois.values()
    births = " / ".join(f"{sum(getattr(aoi, f'change_{kind}') for aoi in aois):,}" for kind in ("tp", "fp", "fn"))
    counts = match_footprints(truth, proposed, 0.25).by_frame()[["tp", "fp", "fn"]].sum().tolist()
    kinds = by_kind(diagnose(result.aois).losses).set_index("kind")["scot_without"]
    worst = f"{str(kinds.idxmax()).replace('_', ' ')} (SCOT {kinds.max():.3f} without)" if result.score < 1 else "none"
    scores = f"{result.score:.4f} | {result.tracking:.4f} | {result.change:.4f}"
    switches, f1 = sum(aoi.mm for aoi in aois), precision_recall_f1(*counts)[2]
    return f"| {name} | {scores} | {births} | {switches} | {f1:.4f} | {worst} |"


if __name__ == "__main__":
    main()
