"""SCOT of a submission, as the challenge counts it."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from sn7ml.cli.terminal import console, refuse_file, say, show
from sn7ml.core.errors import LabelError, ParamsError
from sn7ml.metrics.score_text import decimal

if TYPE_CHECKING:
    import pandas as pd

    from sn7ml.metrics.aoi import AoiScot
    from sn7ml.metrics.diagnosis import Diagnosis
    from sn7ml.metrics.footprints import FootprintMatches
    from sn7ml.metrics.scot import ScotResult

SHOWN = {"f1": "F1", "f1_50": "F1@.5"}

F1 = Mapping[str, Mapping[str, float]]
"""Name of an F1 to its value by AOI, and over all under ``ALL``."""

ALL = "all"

STDOUT = "-"

FEWEST_PAIRS = 100
"""Matched footprints of an AOI below which no offset is reported; a house counts in every month."""

TRIFLE_PX = 0.1
"""Smaller offsets are not reported."""


def score(  # noqa: PLR0913, PLR0917 - the command line's own signature
    truth: Annotated[
        Path,
        typer.Argument(
            help="CSV in SpaceNet 7's form (filename,id,geometry) or SpaceNet 2's (ImageId,BuildingId,PolygonWKT_Pix,"
            "PolygonWKT_Geo), or a folder of *_Buildings.geojson."
        ),
    ],
    proposal: Annotated[Path, typer.Argument(help="The same of what was found.")],
    json_file: Annotated[str | None, typer.Option("--json", help="File for scores; - prints the JSON alone.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Also score without the reference scorer's defects.")
    ] = False,
    iou: Annotated[
        float | None,
        typer.Option(
            help="IoU from which a footprint is matched: for SCOT, default 0.25, where F1 and sizes have their own "
            "limits; for SpaceNet 2's F1, default 0.5."
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes for many areas; default: one per core.")] = None,
    diagnose: Annotated[
        Path | None, typer.Option(help="Folder for tables and pictures of where the (default) score was lost.")
    ] = None,
) -> None:
    """Score footprints against the truth: SCOT by the reference scorer's rules and footprint F1, or SpaceNet 2's F1.

    The header of a CSV tells the form. Coordinates are pixels of the original images, as in labels_match_pix. A folder
    may be labels_match_pix itself, an AOI, or a folder of AOIs.
    """
    from sn7ml.cli.score_scenes import SPACENET2, form_of_both, refuse_series_options, score_scenes
    from sn7ml.core.runtime.parallel import VARIABLE
    from sn7ml.metrics.scene_buildings import SPACENET2_IOU
    from sn7ml.metrics.tracks import SPACENET_IOU

    form = form_of_both(truth, proposal)
    check_options(iou, json_file, diagnose)
    if workers is not None:
        os.environ[VARIABLE] = f"processes:{workers}"
    if form == SPACENET2:
        refuse_series_options(strict=strict, diagnose=diagnose)
        score_scenes(truth, proposal, json_file, SPACENET2_IOU if iou is None else iou)
    else:
        score_series(truth, proposal, json_file, strict, SPACENET_IOU if iou is None else iou, diagnose)


def score_series(
    truth: Path, proposal: Path, json_file: str | None, strict: bool, iou: float, diagnose: Path | None
) -> None:
    """Score series of months: SCOT and footprint F1."""
    from sn7ml.core.runtime.files import write_text
    from sn7ml.metrics.footprints import match_footprints
    from sn7ml.metrics.per_aoi import in_processes
    from sn7ml.metrics.scot import score_scot
    from sn7ml.metrics.tracks import SPACENET_IOU, f1_name

    with console.status("reading"):
        true, found = read_both(truth, proposal)
    with console.status("scoring"):
        result = score_scot(true, found, iou_threshold=iou, map_aois=in_processes)
        known = found[found["aoi"].isin(true["aoi"])]
        matches = {limit: match_footprints(true, known, limit, map_aois=in_processes) for limit in (SPACENET_IOU, 0.5)}
    f1 = {f1_name(limit): f1_by_aoi(matched.by_frame()) for limit, matched in matches.items()}
    content = {**result.as_dict(), "iou_threshold": iou, **{name: by_aoi[ALL] for name, by_aoi in f1.items()}}
    if not strict:
        del content["strict"]
    if json_file == STDOUT:
        typer.echo(json.dumps(content, indent=2))
    else:
        say("read in SpaceNet 7's form")
        show_scores(result, f1, strict)
        tell_notes(result, truth, iou, strict)
        tell_offsets(matches[SPACENET_IOU])
        if json_file is not None:
            write_text(Path(json_file), json.dumps(content, indent=2) + "\n")
            say(f"scores: {json_file}")
    if diagnose is not None:
        diagnosis = write_diagnosis_folder(diagnose, result.aois, matches[SPACENET_IOU].by_size())
        if json_file != STDOUT:
            show_losses(diagnosis.losses)
            say(f"diagnosis: {diagnose / 'diagnosis.html'}")


def check_options(iou: float | None, json_file: str | None, diagnose: Path | None) -> None:
    """Refuse what could not be done, before the work begins. Raises ParamsError."""
    if iou is not None and not 0 <= iou < 1:
        raise ParamsError("options.iou-range", f"--iou is {iou:g}; expected at least 0 and less than 1, such as 0.25")
    if json_file is not None and (not json_file or Path(json_file).is_dir()):
        raise ParamsError(
            "options.json-name", f"--json {json_file!r} is no file; expected one such as scores.json, or -"
        )
    refuse_file("--diagnose", diagnose)


def read_both(truth: Path, proposal: Path) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Read two tables of polygons. Raises LabelError for the faults of both."""
    from sn7ml.outputs.submission import read_polygons, read_truth_polygons

    tables: list[pd.DataFrame] = []
    faults: list[LabelError] = []
    for path, read in ((truth, read_truth_polygons), (proposal, read_polygons)):
        try:
            tables.append(read(path))
        except LabelError as fault:
            faults.append(fault)
    if faults:
        raise LabelError(faults[0].code, "\n".join(str(fault) for fault in faults), faults)
    return tables[0], tables[1]


def f1_by_aoi(frames: "pd.DataFrame") -> dict[str, float]:
    """Return F1 by AOI, and of all counts."""
    from sn7ml.core.ratios import precision_recall_f1

    sums = frames.groupby("aoi")[["tp", "fp", "fn"]].sum()
    sums.loc[ALL] = sums.sum()
    return {str(aoi): precision_recall_f1(*counts)[2] for aoi, *counts in sums.itertuples()}


def show_scores(result: "ScotResult", f1: F1, strict: bool) -> None:
    """Print a row per AOI and the means."""
    aois, strictly = result.aois.values(), result.strict
    columns = [
        ("AOI", "mean", list(result.aois)),
        ("SCOT", decimal(result.score), [decimal(aoi.combo_score) for aoi in aois]),
        ("tracking", decimal(result.tracking), [decimal(aoi.track_score) for aoi in aois]),
        ("change", decimal(result.change), [decimal(aoi.change_score) for aoi in aois]),
        ("switches", "", [str(aoi.mm) for aoi in aois]),
        ("births", "", [f"{aoi.change_tp}/{aoi.change_fp}/{aoi.change_fn}" for aoi in aois]),
    ]
    for name, by_aoi in f1.items():
        columns.append((SHOWN[name], decimal(by_aoi[ALL]), [decimal(by_aoi.get(aoi, 0.0)) for aoi in result.aois]))
    if strict:
        scores = (strictly.aois[name] for name in result.aois)
        shown = [decimal(aoi.combo_score) if aoi.has_births else "undefined" for aoi in scores]
        columns.append(("strict", "undefined" if strictly.score is None else decimal(strictly.score), shown))
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, footer_style="bold")
    for name, mean, _ in columns:
        table.add_column(name, mean, justify="left" if name == "AOI" else "right", no_wrap=True)
    for row in zip(*(cells for _, _, cells in columns), strict=True):
        table.add_row(*row)
    show(table)
    say("births: right/false/missed. F1 in the last row is that of all footprints together.")


def tell_notes(result: "ScotResult", truth: Path, iou: float, strict: bool) -> None:
    """Print what the reader of the scores should know."""
    from sn7ml.metrics.tracks import SPACENET_IOU
    from sn7ml.scenes.label_folder import unlabelled_aois

    if iou != SPACENET_IOU:
        say(f"SCOT at IoU > {iou:g}; SpaceNet 7's own is {SPACENET_IOU:g}")
    tell("Left out, no labels", unlabelled_aois(truth) if truth.is_dir() else ())
    tell("How the reference scorer's rules, followed above, met this input", result.notes)
    tell("Strictly", result.strict.notes if strict else ())


def tell_offsets(matches: "FootprintMatches") -> None:
    """Print by AOI how far the truth is shifted from what was found, if there are enough pairs and it is no trifle."""
    notes = []
    for row in matches.median_offsets().to_dict("records"):
        x_px, y_px = row["x_px"], row["y_px"]
        if row["pairs"] >= FEWEST_PAIRS and max(abs(x_px), abs(y_px)) >= TRIFLE_PX:
            sides = [(x_px, "right" if x_px > 0 else "left"), (y_px, "down" if y_px > 0 else "up")]
            where = ", ".join(f"{abs(px):.2f} px {side}" for px, side in sides if abs(px) >= TRIFLE_PX)
            notes.append(f"{row['aoi']}: {where} (medians of {row['pairs']:,} matched footprints)")
    tell("Truth lies beside what was found (output.tracks.shift_x_px moves outlines: docs/tracking.md)", notes)


def write_diagnosis_folder(folder: Path, aois: Mapping[str, "AoiScot"], sizes: "pd.DataFrame") -> "Diagnosis":
    """Write losses.csv, births.csv, sizes.csv, frames.csv, diagnosis.html and diagnosis.png; return the diagnosis."""
    import pandas as pd

    from sn7ml.core.runtime.files import replacing, write_text
    from sn7ml.metrics.diagnosis import diagnose
    from sn7ml.report.charts.diagnosis_panels import draw_diagnosis
    from sn7ml.report.pages.diagnosis import render_diagnosis

    found = diagnose(aois)
    frames = pd.concat([aoi.frames.assign(aoi=name) for name, aoi in aois.items()], ignore_index=True)
    tables = {"losses": found.losses, "births": found.births, "sizes": sizes, "frames": frames}
    for name, content in tables.items():
        write_text(folder / f"{name}.csv", content.to_csv(index=False))
    with replacing(folder / "diagnosis.png") as temporary:
        temporary.write_bytes(draw_diagnosis(found.losses, found.births, sizes))
    write_text(folder / "diagnosis.html", render_diagnosis(found.losses, found.births, sizes))
    return found


def show_losses(losses: "pd.DataFrame") -> None:
    """Print ``Diagnosis.losses``, a row per kind of error."""
    from sn7ml.report.diagnosis import COUNT_NAMES, labelled_kinds

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Where SCOT was lost", no_wrap=True)
    for name in ("false", "missed", "false births", "missed births", "SCOT without it", "gain"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in labelled_kinds(losses).to_dict("records"):
        counts = [str(row[name]) for name in COUNT_NAMES]
        table.add_row(row["label"], *counts, decimal(row["scot_without"]), f"{row['gain']:+.4f}")
    show(table)


def tell(title: str, notes: Sequence[str]) -> None:
    """Print notes as a list, if there are any."""
    if notes:
        say("\n  · ".join([f"{title}:", *notes]))
