"""Turn probabilities into the task's output. Reads SCENES, PROBABILITIES and TUNED (section output), writes OUTPUTS."""

from pathlib import Path

from sn7ml.core.runtime.stage import run_stage
from sn7ml.flow.evaluate import extract_aois
from sn7ml.params import load_output, load_params
from sn7ml.scenes.ingest import Scenes
from sn7ml.tasks import task_named


def main(scenes: Path, probabilities: Path, tuned: Path, outputs: Path) -> None:
    """Run the stage."""
    params = load_params()
    output = task_named(params.task).output
    grids = Scenes(scenes).grids_of(sorted(path.name for path in probabilities.iterdir()))
    chosen = load_output(tuned)
    found = extract_aois(output, probabilities, grids, chosen)
    output.write(outputs, found, grids)
    if output.export:
        output.export(outputs, found, grids, probabilities, chosen)
    print(f"{output.name}: {len(found)} rows in {len(grids)} AOI(s)")  # noqa: T201 - a stage speaks to a terminal


if __name__ == "__main__":
    run_stage(main, "scenes", "probabilities", "tuned", "outputs")
