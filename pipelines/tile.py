"""Cut frames into tiles and draw their masks. Reads DATA and SCENES, writes the tile store TILES."""

from pathlib import Path

from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import load_params
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import target_of


def main(data: Path, scenes: Path, tiles: Path) -> None:
    """Run the stage."""
    params = load_params()
    known = Scenes(scenes)
    write_tiles(known.images_in(data), known, params.split, params.tiling, target_of(params.target), tiles)
    counts = TileStore(tiles).tiles["split"].value_counts().to_dict()
    print(f"tiles: {counts}")  # noqa: T201 - a stage speaks to a terminal


if __name__ == "__main__":
    run_stage(main, "data", "scenes", "tiles")
