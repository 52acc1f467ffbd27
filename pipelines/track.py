"""Find buildings and follow them through time.

Reads DATA, PROBABILITIES and TUNED (section track), writes FOOTPRINTS/<AOI>.parquet and SUBMISSION.csv.
"""

from pathlib import Path

from sn7ml.core.runtime.stage import run_stage
from sn7ml.flow.evaluate import track_aois
from sn7ml.outputs.footprints import write_footprints
from sn7ml.outputs.submission import write_submission
from sn7ml.params import load_track
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.scored_columns import read_grids


def main(data: Path, probabilities: Path, tuned: Path, footprints: Path, submission: Path) -> None:
    """Run the stage."""
    aois = sorted(path.name for path in probabilities.iterdir())
    grids = read_grids(data, scan(data), aois)
    tracks = track_aois(probabilities, grids, load_track(tuned))
    write_footprints(footprints, tracks, grids)
    write_submission(submission, tracks)
    buildings = tracks.drop_duplicates(["aoi", "id"])
    print(f"found {len(buildings)} buildings in {len(grids)} AOI(s), {len(tracks)} footprints")  # noqa: T201 - to a terminal


if __name__ == "__main__":
    run_stage(main, "data", "probabilities", "tuned", "footprints", "submission")
