"""Check the raw data; a critical fault stops the pipeline. Reads DATA, writes OUT/{validation.*,verdict.json}."""

from pathlib import Path

from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import load_params
from sn7ml.report.maps.flagged import draw_findings, labelled_in_files
from sn7ml.report.pages.validation import stop_if_failed, write_validation
from sn7ml.scenes.layouts import layout_of
from sn7ml.validation.run import run_validation


def main(data: Path, out: Path) -> None:
    """Run the stage."""
    params = load_params()
    layout = layout_of(params.data)
    sources = layout.sources(data)
    report = run_validation(data, sources, layout, params.validation)
    write_validation(out, report, draw_findings(data, sources, report, labelled_in_files(data, sources, layout)))
    print(report.summary())  # noqa: T201 - a stage speaks to a terminal
    stop_if_failed(out, report)


if __name__ == "__main__":
    run_stage(main, "data", "out")
