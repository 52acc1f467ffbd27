"""Check the raw data. Reads DATA, writes REPORT/validation.json and REPORT/validation.md; a critical fault stops the pipeline."""

import json
from pathlib import Path

from sn7ml.data.catalog import scan
from sn7ml.errors import ValidationFailed
from sn7ml.params import load_params
from sn7ml.runtime.files import write_text
from sn7ml.runtime.stage import run_stage
from sn7ml.validation.report import to_markdown
from sn7ml.validation.run import run_validation


def main(data: Path, out: Path) -> None:
    """Run the stage."""
    params = load_params()
    report = run_validation(data, scan(data), params.validation)
    write_text(out / "validation.json", json.dumps(report.as_dict(), indent=2) + "\n")
    write_text(out / "validation.md", to_markdown(report))
    print(report.summary())  # noqa: T201 - a stage speaks to a terminal
    if not report.ok:
        raise ValidationFailed(f"{report.summary()}\nThe whole report: {out / 'validation.md'}")


if __name__ == "__main__":
    run_stage(main, "data", "out")
