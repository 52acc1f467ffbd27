"""Read names, grids and labels of the raw data into two tables. Reads DATA, writes SCENES/{frames,labels}.parquet."""

from pathlib import Path

from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import load_params
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts import layout_of


def main(data: Path, scenes: Path) -> None:
    """Run the stage."""
    params = load_params()
    layout = layout_of(params.data)
    frames = ingest(data, layout.sources(data), layout, params.split, scenes, params.data.stretch).frames
    print(f"{len(frames)} frames of {frames['aoi'].nunique()} AOI(s), {int(frames['labelled'].sum())} labelled")  # noqa: T201


if __name__ == "__main__":
    run_stage(main, "data", "scenes")
