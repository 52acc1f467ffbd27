"""Time the facts and the judgement of ``validate``: run with ``python -m benchmarks.bench_validate``.

First the real area beside the repository, 25 frames and 120,094 polygons (goal 40 s on two cores, after imports). Then
copies of its frames under other AOI names, 25, 50 and 100 of them: twice the files shall take twice the time. With
``--frames 25`` only so many. Set ``SN7ML_EXECUTOR=processes:2`` to hold a larger machine to two cores.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.bench_tile import cpu_seconds, peak_mb
from sn7ml.params import load_params
from sn7ml.scenes.layouts.spacenet7 import SPACENET7, scan
from sn7ml.validation.run import judge_tables, raw_facts
from sn7ml.validation.suites import suites

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sn7"
AOI = "L15-0357E-1223N_1429_3296_13"
GOAL_S = 40
MONTHS_EACH = 25


def main() -> None:
    """Print a line of measurements per number of frames."""
    parser = argparse.ArgumentParser(description="Time validation.")
    parser.add_argument("data", type=Path, nargs="?", default=REAL_DATA)
    parser.add_argument("--frames", type=int, nargs="*", default=[25, 50, 100])
    arguments = parser.parse_args()
    if not (arguments.data / "train" / AOI).is_dir():
        sys.exit(f"no {AOI} in {arguments.data / 'train'}; give the folder that holds it")
    for count in arguments.frames:
        with tempfile.TemporaryDirectory() as folder:
            copies(arguments.data / "train" / AOI, Path(folder), count)
            measure(Path(folder), scan(Path(folder)))


def copies(area: Path, root: Path, count: int) -> None:
    """Lay out ``count`` frames as areas of up to 25 months, which hold the same."""
    for number in range(-(-count // MONTHS_EACH)):
        name = AOI if number == 0 else f"L15-{357 + 10 * number:04d}E-1223N_{1429 + 40 * number:04d}_3296_13"
        stems = sorted(path.stem for path in (area / "images_masked").glob("*.tif"))
        for stem in stems[: min(MONTHS_EACH, count - MONTHS_EACH * number)]:
            for folder, ending in (("images_masked", ".tif"), ("labels_match_pix", "_Buildings.geojson")):
                copy = root / "train" / name / folder / f"{stem.replace(AOI, name)}{ending}"
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(area / folder / f"{stem}{ending}", copy)


def measure(root: Path, frames: pd.DataFrame) -> None:
    """Gather and judge the facts of ``frames``."""
    params = load_params().validation
    start, cpu = time.perf_counter(), cpu_seconds()
    facts = raw_facts(root, frames, SPACENET7)
    middle = time.perf_counter()
    report = judge_tables(facts, suites(params))
    end = time.perf_counter()
    polygons = int(facts["labels"]["n"].sum())
    print(
        f"{len(frames)} frames, {polygons:,} polygons: {end - start:.1f} s (goal {GOAL_S} for 25), "
        f"facts {middle - start:.1f} s, judged {end - middle:.1f} s, cpu {cpu_seconds() - cpu:.1f} s, "
        f"peak {peak_mb():,.0f} MB, {len(report.failures())} finding(s)"
    )


if __name__ == "__main__":
    main()
