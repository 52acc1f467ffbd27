"""SCOT of a submission, as the challenge counts it."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from sn7ml.cli.terminal import console
from sn7ml.errors import LabelError, ParamsError

SHOWN = {"f1": "F1", "f1_50": "F1 @ .5"}

NARROWEST = 120
"""Columns a table gets where the output is no terminal, which would say how wide it is."""


def score(  # noqa: PLR0913, PLR0917 - the command line's own signature
    truth: Annotated[Path, typer.Argument(help="CSV (filename,id,geometry), or a folder of *_Buildings.geojson.")],
    proposal: Annotated[Path, typer.Argument(help="The same of what was found.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the scores are written as JSON.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Show the score without the reference scorer's defects as well.")
    ] = False,
    iou: Annotated[float, typer.Option(help="A footprint can match if its IoU is greater.")] = 0.25,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes for many areas; one per core if not given.")
    ] = None,
    diagnose: Annotated[
        Path | None, typer.Option(help="Folder for tables and pictures of where the score was lost.")
    ] = None,
) -> None:
    """Score footprints with ids against the truth: SCOT by the reference scorer's rules, and footprint F1.

    Coordinates are pixels of the original images, as in labels_match_pix. Folders may be labels_match_pix itself, an AOI,
    or a folder of AOIs.
    """
    from sn7ml.metrics.areas import in_processes  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.metrics.footprints import match_footprints  # noqa: PLC0415
    from sn7ml.metrics.scot import score_scot  # noqa: PLC0415
    from sn7ml.metrics.summary import f1_name  # noqa: PLC0415
    from sn7ml.runtime.parallel import VARIABLE  # noqa: PLC0415

    if not 0 <= iou < 1:
        raise ParamsError(f"--iou is {iou:g}; expected a number from 0 to less than 1, such as 0.25")
    if workers is not None:
        os.environ[VARIABLE] = f"processes:{workers}"
    with console.status("reading"):
        true, found = read_both(truth, proposal)
    with console.status("scoring"):
        result = score_scot(true, found, iou_threshold=iou, map_areas=in_processes)
        matches = {limit: match_footprints(true, found, limit, map_areas=in_processes) for limit in (0.25, 0.5)}
    f1 = {f1_name(limit): f1_by_aoi(matched.by_frame()) for limit, matched in matches.items()}

    show_scores(result, f1, strict)
    if json_file is not None:
        write_json(json_file, result.as_dict(), f1, strict)
    if diagnose is not None:
        write_diagnosis_folder(diagnose, result.aois, matches[0.25].by_size())


def read_both(truth: Path, proposal: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read two tables of polygons; faults of both are told at once."""
    from sn7ml.data.submission import read_polygons  # noqa: PLC0415 - keeps `sn7ml --help` quick

    tables, faults = [], []
    for path in (truth, proposal):
        try:
            tables.append(read_polygons(path))
        except LabelError as fault:
            faults.append(str(fault))
    if faults:
        raise LabelError("\n".join(faults))
    return tables[0], tables[1]


def f1_by_aoi(frames: pd.DataFrame) -> dict[str, float]:
    """Return F1 by AOI, and of all counts under "all"."""
    from sn7ml.metrics.ratios import precision_recall_f1  # noqa: PLC0415 - keeps `sn7ml --help` quick

    counts = ["tp", "fp", "fn"]
    sums = {str(aoi): rows[counts].sum().tolist() for aoi, rows in frames.groupby("aoi")}
    return {name: precision_recall_f1(*tp_fp_fn)[2] for name, tp_fp_fn in sums.items()} | {
        "all": precision_recall_f1(*frames[counts].sum().tolist())[2]
    }


def show_scores(result: Any, f1: Mapping[str, Mapping[str, float]], strict: bool) -> None:
    """Print a row per AOI, the means, and what the reference's defects did."""
    table = Table(box=box.SIMPLE_HEAD, footer_style="bold", show_footer=True)
    table.add_column("AOI", overflow="fold", min_width=15)
    numbers = ["SCOT", "tracking", "change", "switches", "births", *f1, *(["strict"] if strict else [])]
    for name in numbers:
        table.add_column(SHOWN.get(name, name), justify="right", no_wrap=True)
    for name, aoi in result.aois.items():
        cells = [f"{aoi.combo_score:.4f}", f"{aoi.track_score:.4f}", f"{aoi.change_score:.4f}", str(aoi.mm)]
        cells += [f"{aoi.change_tp}/{aoi.change_fp}/{aoi.change_fn}"]
        cells += [f"{by_aoi.get(name, 0.0):.4f}" for by_aoi in f1.values()]
        exact = result.strict.aois[name]
        cells += [f"{exact.combo_score:.4f}" if exact.has_births else "undefined"] * strict
        table.add_row(name, *cells)
    means = [f"{result.score:.4f}", f"{result.tracking:.4f}", f"{result.change:.4f}", "", ""]
    means += [f"{by_aoi['all']:.4f}" for by_aoi in f1.values()]
    means += ["undefined" if result.strict.score is None else f"{result.strict.score:.4f}"] * strict
    for column, text in zip(table.columns, ["mean", *means], strict=True):
        column.footer = text
    show(table)
    console.print(
        "births: right/false/missed; the mean of F1 is taken over all footprints", style="dim", soft_wrap=True
    )
    tell("Defects of the reference scorer that this input met, followed above", result.notes)
    if strict:
        tell("Strictly", result.strict.notes)


def write_json(path: Path, content: Mapping[str, Any], f1: Mapping[str, Mapping[str, float]], strict: bool) -> None:
    """Write the scores under the names of the reference, strict ones under a key of their own."""
    from sn7ml.runtime.files import write_text  # noqa: PLC0415 - keeps `sn7ml --help` quick

    chosen = {name: value for name, value in content.items() if strict or name != "strict"}
    chosen |= {name: by_aoi["all"] for name, by_aoi in f1.items()}
    write_text(path, json.dumps(chosen, indent=2) + "\n")
    console.print(f"scores: {path}", soft_wrap=True)


def write_diagnosis_folder(folder: Path, aois: Mapping[str, Any], sizes: pd.DataFrame) -> None:
    """Write losses.csv, births.csv, sizes.csv, frames.csv, diagnosis.html and diagnosis.png; print the losses."""
    from sn7ml.metrics.diagnosis import diagnose  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.report.diagnosis import draw_diagnosis, write_diagnosis  # noqa: PLC0415
    from sn7ml.runtime.files import replacing, write_text  # noqa: PLC0415

    found = diagnose(aois)
    frames = pd.concat([aoi.frames.assign(aoi=name) for name, aoi in aois.items()], ignore_index=True)
    tables = {"losses": found.losses, "births": found.births, "sizes": sizes, "frames": frames}
    for name, content in tables.items():
        write_text(folder / f"{name}.csv", content.to_csv(index=False))
    with replacing(folder / "diagnosis.png") as temporary:
        temporary.write_bytes(draw_diagnosis(found.losses, found.births, sizes))
    write_diagnosis(folder / "diagnosis.html", found.losses, found.births, sizes)

    table = Table("Where SCOT was lost", box=box.SIMPLE_HEAD)
    for name in ("false", "missed", "false births", "missed births", "SCOT without it", "gain"):
        table.add_column(name, justify="right")
    for row in found.overall().to_dict("records"):
        counts = [str(row[name]) for name in ("track_fp", "track_fn", "change_fp", "change_fn")]
        gain = row["scot_without"] - row["scot"]
        table.add_row(row["kind"].replace("_", " "), *counts, f"{row['scot_without']:.4f}", f"{gain:+.4f}")
    show(table)
    console.print(f"diagnosis: {folder / 'diagnosis.html'}", soft_wrap=True)


def show(table: Table) -> None:
    """Print a table, not folded to 80 columns where the output goes to a file or a pipe."""
    wide = console if console.is_terminal else Console(width=max(console.width, NARROWEST))
    wide.print(table)


def tell(title: str, notes: Sequence[str]) -> None:
    """Print notes as a list, if there are any."""
    if notes:
        console.print(f"{title}:")
        for note in notes:
            console.print(f"  · {note}", soft_wrap=True, highlight=False, markup=False)
