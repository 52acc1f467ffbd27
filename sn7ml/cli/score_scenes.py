"""`sn7ml score` for SpaceNet 2's form: buildings of single images."""

import json
from pathlib import Path

import typer
from rich import box
from rich.table import Table

from sn7ml.cli.terminal import say, show
from sn7ml.core.errors import LabelError, ParamsError
from sn7ml.core.ratios import precision_recall_f1
from sn7ml.core.runtime.files import write_text
from sn7ml.metrics.scene_buildings import count_by_aoi
from sn7ml.metrics.score_text import decimal
from sn7ml.outputs.spacenet2_csv import SceneTable, is_spacenet2_csv, read_scenes

SPACENET2, SPACENET7 = "SpaceNet 2", "SpaceNet 7"

STDOUT = "-"

NAMED = 5
"""Images that are named in a note."""


def form_of_both(truth: Path, proposal: Path) -> str:
    """Return whose form truth and proposal have. Raises LabelError if it is not the same, or a CSV cannot be read."""
    forms = {path: SPACENET2 if is_spacenet2_csv(path) else SPACENET7 for path in (truth, proposal)}
    if len({*forms.values()}) > 1:
        told = ", ".join(f"{path} is in {form}'s form" for path, form in forms.items())
        raise LabelError("submission.two-forms", f"{told}; expected one form for both")
    return forms[truth]


def refuse_series_options(*, strict: bool, diagnose: Path | None) -> None:
    """Raise ParamsError for options that only series of months have a use for."""
    for name, given in (("--strict", strict), ("--diagnose", diagnose)):
        if given:
            raise ParamsError(
                "options.series", f"{name} is for SpaceNet 7's form, and these are in SpaceNet 2's; omit it"
            )


def score_scenes(truth: Path, proposal: Path, json_file: str | None, iou: float) -> None:
    """Print, or write as JSON, the footprint F1 of two CSVs: counts of the images that the truth names, summed."""
    if not iou:
        raise ParamsError("options.iou-range", "--iou is 0; expected more than 0 and less than 1 here, such as 0.5")
    true, found = _read_both(truth, proposal)
    buildings = found.buildings[found.buildings["aoi"].isin(true.images)]
    counts = count_by_aoi(true.buildings, buildings, true.images, iou)
    tp, fp, fn = (sum(one) for one in zip((0, 0, 0), *counts.values(), strict=True))
    precision, recall, f1 = precision_recall_f1(tp, fp, fn)
    notes = _notes(true, found)
    content = {
        "form": SPACENET2,
        "iou_threshold": iou,
        "f1": f1,
        "precision": precision,
        "recall": recall,
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "images": {
            image: {"tp": count[0], "fp": count[1], "fn": count[2], "f1": precision_recall_f1(*count)[2]}
            for image, count in counts.items()
        },
        "notes": notes,
    }
    if json_file == STDOUT:
        typer.echo(json.dumps(content, indent=2))
        return
    say(f"read in {SPACENET2}'s form")
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, footer_style="bold")
    table.add_column("image", f"all {len(counts)}", no_wrap=True)
    for name, total in (("right", str(tp)), ("false", str(fp)), ("missed", str(fn)), ("F1", decimal(f1))):
        table.add_column(name, total, justify="right", no_wrap=True)
    for image, count in counts.items():
        score = decimal(precision_recall_f1(*count)[2]) if any(count) else "empty"
        table.add_row(image, *map(str, count), score)
    show(table)
    say(f"precision {decimal(precision)}, recall {decimal(recall)} at IoU {iou:g}, the surest footprint first")
    for note in notes:
        say(note)
    if json_file is not None:
        write_text(Path(json_file), json.dumps(content, indent=2) + "\n")
        say(f"scores: {json_file}")


def _read_both(truth: Path, proposal: Path) -> tuple[SceneTable, SceneTable]:
    """Read two CSVs. Raises LabelError for the faults of both, or if the truth names no image."""
    tables: list[SceneTable] = []
    faults: list[LabelError] = []
    for path in (truth, proposal):
        try:
            tables.append(read_scenes(path))
        except LabelError as fault:
            faults.append(fault)
    if faults:
        raise LabelError(faults[0].code, "\n".join(map(str, faults)), faults)
    if not tables[0].images:
        raise LabelError("submission.empty", f"{truth}: names no image; expected a row for each, buildings or not")
    return tables[0], tables[1]


def _notes(true: SceneTable, found: SceneTable) -> list[str]:
    """Return sentences on images that only one side names."""
    notes = []
    for images, others, words in (
        (found.images, true.images, "not scored, since the truth does not name them"),
        (true.images, found.images, "without an answer, so all their buildings are missed"),
    ):
        if only := sorted(set(images) - set(others)):
            more = f" and {len(only) - NAMED} more" if len(only) > NAMED else ""
            notes.append(f"{len(only)} image(s) {words}: {', '.join(only[:NAMED])}{more}")
    return notes
