"""Check what was found; a critical fault stops the pipeline.

Reads DATA, SCENES, TILES, TUNED (section output) and OUTPUTS, writes OUT/validation.{html,md,json}, OUT/verdict.json.
"""

from pathlib import Path

from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import load_output, load_params
from sn7ml.report.maps.flagged import draw_findings, found
from sn7ml.report.pages.validation import stop_if_failed, write_validation
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from sn7ml.validation.run import validate_outputs


def main(data: Path, scenes: Path, tiles: Path, tuned: Path, outputs: Path, out: Path) -> None:
    """Run the stage."""
    params, known = load_params(), Scenes(scenes)
    report, outlines = validate_outputs(params, load_output(tuned), known, TileStore(tiles), outputs)
    write_validation(out, report, draw_findings(known.images_in(data), known.frames, report, found(outlines)))
    print(report.summary())  # noqa: T201 - a stage speaks to a terminal
    stop_if_failed(out, report)


if __name__ == "__main__":
    run_stage(main, "data", "scenes", "tiles", "tuned", "outputs", "out")
