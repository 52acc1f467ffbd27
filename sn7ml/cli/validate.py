"""Check a data folder; of SpaceNet 7's layout, mend a copy of it, and compare it with what a model learned from."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from sn7ml.cli.findings import show_changes, show_drift, show_failures
from sn7ml.cli.project import params_here
from sn7ml.cli.terminal import console, refuse_file, say
from sn7ml.core.errors import CatalogError, ModelError, ParamsError

if TYPE_CHECKING:
    import pandas as pd

    from sn7ml.params import LayoutName
    from sn7ml.report.maps.flagged import Pictures
    from sn7ml.scenes.layouts import Layout
    from sn7ml.validation.drift import DataProfile, Drift
    from sn7ml.validation.report import Report
    from sn7ml.validation.suites import Suites

DEFAULT_LAYOUT: "LayoutName" = "spacenet7"
"""Of a folder that is checked outside of a project and without --params."""

REFERENCE = "reference.json"


def validate(  # noqa: PLR0913, PLR0917 - the command line's own signature
    data: Annotated[
        Path, typer.Argument(help="A folder in the layout of the params, SpaceNet 7's without any; labels or not.")
    ],
    report: Annotated[
        Path | None, typer.Option(help=f"Folder for the whole report and {REFERENCE}, for a later --against.")
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="A params.yaml with other thresholds; default: ./params.yaml, or the built-in.")
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option(
            help="Empty or new folder for Great Expectations' own Data Docs. They fetch styles and scripts from the "
            "network; --report is the one that works offline."
        ),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            help="Empty or new folder for a repaired copy, which is checked instead of DATA. DATA is not changed; "
            "files that need no repair are hard links to it where possible. changes.csv lists every change."
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help=f"Compare with training frames: their folder, or {REFERENCE} of their report.")
    ] = None,
    suggest_classes: Annotated[
        Path | None,
        typer.Option(
            help="Layout colour: write a file of classes for the colours that label images have, to be edited, and do "
            "nothing else."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 on warnings, and where the model is not simply to be trusted.")
    ] = False,
) -> None:
    """Check a data set: what is wrong, how bad it is, where, and what to do. Exit code 1 if anything is critical."""
    from sn7ml.params import DataParams, ValidationParams, load_params
    from sn7ml.report.maps.flagged import draw_findings, labelled_in_files
    from sn7ml.scenes.layouts import layout_of
    from sn7ml.scenes.repair.data import mended_copy
    from sn7ml.validation.drift import compare, with_density
    from sn7ml.validation.facts.data_profile import profile_from_facts
    from sn7ml.validation.run import raw_suites

    given, root = params_here() if params is None else load_params(params), data.resolve()
    thresholds = given.validation if given else ValidationParams()
    layout = layout_of(given.data if given else DataParams(layout=DEFAULT_LAYOUT))
    if suggest_classes is not None:
        suggest(root, layout, suggest_classes)
        return
    check_outputs(root, layout, report, docs, fix, against)
    known = reference_of(against, layout) if against else None
    if fix is not None:
        with console.status("mending"):
            changes = mended_copy(root, fix)
        show_changes(changes, fix)
        root = fix.resolve()
    sources, wanted = layout.sources(root), raw_suites(thresholds, layout)
    tables = read_tables(root, sources, layout)
    found = judged(tables, wanted, docs)
    show_failures(found, wanted)
    drift, profiles = None, None
    if (known is not None or report is not None) and not layout.open_image:
        profiles = with_density(profile_from_facts(root, sources, tables["frames"]), tables.get("labels"))
        if known is not None:
            drift = compare(known, profiles)
            show_drift(drift)
    if report is not None:
        pictures = draw_findings(root, sources, found, labelled_in_files(root, sources, layout))
        write_all(report, found, pictures, profiles, drift)
    if not found.ok or (strict and uneasy(found, drift)):
        raise typer.Exit(1)


def uneasy(found: "Report", drift: "Drift | None") -> bool:
    """Return True if anything failed, warnings too, or the model is not simply to be trusted."""
    return bool(found.failures()) or (drift is not None and drift.level != "trusted")


def suggest(root: Path, layout: "Layout", out: Path) -> None:
    """Write a file of classes for the colours found, and show their shares. Raises ParamsError or LabelError."""
    import json

    from rich.table import Table

    from sn7ml.core.runtime.files import write_text
    from sn7ml.scenes.layouts.colour import colours_of
    from sn7ml.scenes.legend import suggested, text_of

    if layout.name != "colour":
        raise ParamsError(
            "options.suggest-layout",
            f"--suggest-classes is for data.layout colour, not {layout.name}; name a params.yaml with --params",
        )
    if out.exists():
        raise ParamsError("output.exists", f"--suggest-classes {out} exists; name a new file")
    colours = colours_of(root, layout.sources(root))
    classes, total = suggested(colours), sum(colours.values())
    write_text(out, json.dumps(classes, indent=1) + "\n")
    table = Table("name", "colour", "share of all label images")
    by_text = {text_of(rgb): count for rgb, count in colours.items()}
    for one in classes:
        table.add_row(one["name"], one["color"], f"{by_text[one['color']] / total:.2%}")
    console.print(table)
    say(f"{len(classes)} of {len(colours)} colours: {out}; give the classes their names, then name it in data.classes")


def check_outputs(
    root: Path, layout: "Layout", report: Path | None, docs: Path | None, fix: Path | None, against: Path | None
) -> None:
    """Refuse what could not be done or written, before the work begins. Raises ParamsError or CatalogError."""
    from sn7ml.scenes.repair.data import check_target

    refuse_file("--report", report)
    refuse_file("--docs", docs)
    if docs is not None and docs.exists() and any(docs.iterdir()):
        raise ParamsError("output.folder-not-empty", f"--docs {docs} is not empty; remove it or name another one")
    if fix is not None and layout.name != DEFAULT_LAYOUT:
        raise ParamsError("options.fix-layout", f"--fix mends data.layout {DEFAULT_LAYOUT} only, not {layout.name}")
    if against is not None and layout.open_image:
        raise ParamsError(
            "options.against-layout",
            f"--against compares images of data.layout {DEFAULT_LAYOUT} only; those of {layout.name} are not "
            "stretched before stage ingest",
        )
    if fix is not None:
        check_target(root, fix)


def read_tables(root: Path, sources: "pd.DataFrame", layout: "Layout") -> dict[str, "pd.DataFrame"]:
    """Return the facts of ``raw_facts``; only those of the images, if nothing is labelled."""
    import pandas as pd

    from sn7ml.validation.facts.frames import frame_facts
    from sn7ml.validation.facts.images import image_facts
    from sn7ml.validation.run import raw_facts

    labelled = bool((sources["labels"] != "").any())
    if not labelled:
        console.print("no labels here: the images alone are checked")
    with console.status("reading"):
        if labelled:
            return raw_facts(root, sources, layout)
        name, read = ("images", image_facts) if layout.open_image else ("frames", frame_facts)
        facts = read(root, sources, layout)
        return {name: facts.assign(has_labels=pd.Series(pd.NA, facts.index, "boolean"))}  # none are expected


def judged(tables: Mapping[str, "pd.DataFrame"], wanted: "Suites", docs: Path | None) -> "Report":
    """Judge the tables, and write Data Docs of them if these are asked for."""
    from sn7ml.validation.docs import write_data_docs
    from sn7ml.validation.run import judge_tables

    with console.status("judging"):
        found = judge_tables(tables, wanted)
        if docs is not None:
            say(f"Data Docs: {write_data_docs(docs, tables, {name: wanted[name] for name in tables})}")
    return found


def reference_of(path: Path, layout: "Layout") -> "DataProfile":
    """Read a reference, or make one of a data folder. Raises CatalogError or ModelError."""
    from sn7ml.validation.drift import make_profile, read_profile, with_density
    from sn7ml.validation.facts.data_profile import profile_frames
    from sn7ml.validation.facts.labels import label_and_identity_facts

    if path.is_file():
        return read_profile(path)
    if not path.is_dir():
        raise CatalogError("options.against", f"--against {path}: neither a data folder nor a {REFERENCE}")
    root = path.resolve()
    with console.status("reading the reference"):
        sources = layout.sources(root)
        facts = profile_frames(root, sources)
        labels, _ = label_and_identity_facts(root, sources, layout)
        known = make_profile(with_density(facts, labels))
    if left_out := facts[facts["fault"] != ""].to_dict("records"):
        first = f"{left_out[0]['file']}: {left_out[0]['fault']}"
        say(f"left out of the reference: {len(left_out)} of {len(facts)} frames, the first {first}")
    return known


def write_all(
    folder: Path, found: "Report", pictures: "Pictures", profiles: "pd.DataFrame | None", drift: "Drift | None"
) -> None:
    """Write the report, what the frames look like, and the drift, as far as they are known."""
    from sn7ml.core.runtime.files import write_text
    from sn7ml.report.pages.drift import write_drift
    from sn7ml.report.pages.validation import write_validation
    from sn7ml.validation.drift import make_profile

    write_validation(folder, found, pictures)
    try:
        if profiles is not None:
            write_text(folder / REFERENCE, make_profile(profiles).model_dump_json(indent=1) + "\n")
    except ModelError as error:  # no frame can be read
        console.print(f"no {REFERENCE}: {escape(str(error))}", highlight=False)
    if drift is not None:
        write_drift(folder, drift)
    say(f"report: {folder}")
