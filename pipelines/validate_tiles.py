"""Check what is trained on; a critical fault stops the pipeline.

Reads DATA and TILES, writes OUT/validation.{html,md,json} and OUT/verdict.json.
"""

from pathlib import Path

from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import load_params
from sn7ml.report.maps.flagged import draw_findings, labelled
from sn7ml.report.pages.validation import stop_if_failed, write_validation
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.store import TileStore
from sn7ml.validation.run import validate_tiles
from sn7ml.validation.suites import tile_suites


def main(data: Path, tiles: Path, out: Path) -> None:
    """Run the stage."""
    params, frames = load_params(), scan(data)
    report = validate_tiles(data, frames, TileStore(tiles), tile_suites(params.validation, params.split, params.tiling))
    write_validation(out, report, draw_findings(data, frames, report, labelled(data, frames)))
    print(report.summary())  # noqa: T201 - a stage speaks to a terminal
    stop_if_failed(out, report)


if __name__ == "__main__":
    run_stage(main, "data", "tiles", "out")
