"""How labels lie beside the outlines that were found, on columns that are not scored: for the shifts of params.yaml.

    python -m benchmarks.measure_shift

Run in a project folder after `dvc repro extract`. Prints the medians over the matched footprints of the validation
columns, by AOI, for `shift_x_px` and `shift_y_px` of `output.tracks`; their negatives are for `target`. What it has
already moved is added, so that the same comes out before and after.
"""

import argparse
from pathlib import Path

from sn7ml.flow.evaluate import read_split_truth, scored_part
from sn7ml.metrics.footprints import match_footprints
from sn7ml.metrics.tracks import SPACENET_IOU
from sn7ml.outputs.footprints import read_footprints
from sn7ml.params import load_output
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore

BUILD = Path("build")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.parse_args()
    scenes, track = Scenes(BUILD / "scenes"), load_output(BUILD / "tuning" / "best.yaml").of_tracks()
    columns = TileStore(BUILD / "tiles").columns(("validation",))
    tracks = read_footprints(BUILD / "outputs", scenes.grids_of(columns))
    truth = read_split_truth(scenes, columns)
    offsets = match_footprints(truth.polygons, scored_part(tracks, truth), SPACENET_IOU).median_offsets()
    print("| AOI | matched | labels lie to the right by, px | and down by, px |")
    print("| --- | --- | --- | --- |")
    for row in offsets.to_dict("records"):
        right_px, down_px = row["x_px"] + track.shift_x_px, row["y_px"] + track.shift_y_px
        print(f"| {row['aoi']} | {row['pairs']:,} | {right_px:+.2f} | {down_px:+.2f} |")


if __name__ == "__main__":
    main()
