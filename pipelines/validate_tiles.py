"""Check what is trained on; a critical fault stops the pipeline.

Reads DATA, SCENES and TILES, writes OUT/validation.{html,md,json} and OUT/verdict.json.
"""

from pathlib import Path

from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import load_params
from sn7ml.report.maps.flagged import draw_findings, labelled
from sn7ml.report.pages.validation import stop_if_failed, write_validation
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from sn7ml.targets import target_of
from sn7ml.validation.run import validate_tiles
from sn7ml.validation.suites import stretch_suites, tile_suites


def main(data: Path, scenes: Path, tiles: Path, out: Path) -> None:
    """Run the stage."""
    params, known = load_params(), Scenes(scenes)
    wanted = tile_suites(params.validation, params.split, params.tiling) | stretch_suites(params.validation)
    report = validate_tiles(known, TileStore(tiles), target_of(params.target), wanted)
    write_validation(out, report, draw_findings(known.images_in(data), known.frames, report, labelled(known)))
    print(report.summary())  # noqa: T201 - a stage speaks to a terminal
    stop_if_failed(out, report)


if __name__ == "__main__":
    run_stage(main, "data", "scenes", "tiles", "out")
