"""Areas by map tile over a boundary, by any number of workers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sn7ml.cli.terminal import errors, say

Model = Annotated[str, typer.Option(help="A registry address such as models:/NAME@champion, or a folder.")]
Params = Annotated[
    Path | None,
    typer.Option(help="A params.yaml whose sections predict and output are used in place of the model's own."),
]
Rate = Annotated[float, typer.Option(min=0.01, help="Tiles asked of a server in a second, by this command in all.")]
Tries = Annotated[int, typer.Option(min=1, help="Times that a server is asked for a tile, with growing pauses.")]
Cache = Annotated[Path | None, typer.Option(help="Folder for tiles of a server.", show_default="OUT/cache")]
Queue = Annotated[
    str | None,
    typer.Option(
        help="Queue of a broker, for workers on many machines: sqs://…, amqp://… or redis://…, its name behind a #.",
        show_default="a file in OUT",
    ),
]


def areas(  # noqa: PLR0913, PLR0917 - the command line's own signature
    boundary: Annotated[
        Path, typer.Argument(help="Polygons, with holes or not: GeoJSON, GeoPackage, any vector file.")
    ],
    zoom: Annotated[int, typer.Option(help="Zoom of the tiles: that of the model's training.")],
    tiles: Annotated[
        str,
        typer.Option(help="A folder Z/X/Y.png (jpg, webp, tif), or a template of files or of URLs: …/{z}/{x}/{y}.png"),
    ],
    model: Model,
    out: Annotated[
        Path, typer.Option(help="Folder for the results: new, empty, or of this campaign, which continues.")
    ],
    params: Params = None,
    workers: Annotated[
        int,
        typer.Option(min=1, help="Processes that predict side by side: about one for each core, or a few for a GPU."),
    ] = 1,
    queue: Queue = None,
    tile_px: Annotated[int, typer.Option(min=64, max=1024, help="Side of a tile; others are left out.")] = 256,
    block: Annotated[int, typer.Option(min=1, max=32, help="Tiles along a side of the squares predicted at once.")] = 8,
    margin: Annotated[int, typer.Option(min=0, help="Pixels read around a square, at most a tile.")] = 64,
    max_tiles: Annotated[
        int, typer.Option(min=1, help="More tiles are refused: a wrong zoom asks for millions.")
    ] = 2_000_000,
    any_pixel_size: Annotated[
        bool, typer.Option("--any-pixel-size", help="Take a zoom whose pixels have another size than the trained ones.")
    ] = False,
    rate: Rate = 20.0,
    tries: Tries = 5,
    cache: Cache = None,
) -> None:
    """Measure how much of every map tile over a boundary is built, count the buildings and draw their outlines.

    Tiles that the boundary cuts are measured whole. Writes areas.csv (tile, x, y, z, area_m2, buildings,
    covered_fraction, state), buildings.gpkg and buildings.geojson. Tiles that are missing or damaged are named by their
    state, and the rest goes on. After a kill or Ctrl-C the same command goes on where it stopped.
    """
    from sn7ml.areas.campaign import Request, refuse_other_tasks, run_campaign
    from sn7ml.areas.source import SourceOptions
    from sn7ml.registry.requested import load_model

    trained = load_model(model, params)
    refuse_other_tasks(trained)
    source = SourceOptions(tiles, tile_px, cache or out / "cache", tries, rate)
    request = Request(boundary, zoom, source, trained, block, margin, max_tiles, any_pixel_size)
    with interruptible(), progress_bar() as progress:
        found = run_campaign(request, out, workers, queue, progress)
    states = found["state"].value_counts().sort_index()
    say(f"{len(found)} tiles: {', '.join(f'{count} {state}' for state, count in states.items())}")
    say(f"{found['buildings'].sum()} buildings, {found['area_m2'].sum() / 1e6:.4f} km² built: {out}")


def areas_work(  # noqa: PLR0913, PLR0917 - the command line's own signature
    out: Annotated[Path, typer.Argument(help="Folder of a campaign that is running, seen by all machines.")],
    model: Model,
    tiles: Annotated[str, typer.Option(help="Folder or template of the tiles, as in sn7ml areas.")],
    queue: Queue = None,
    params: Params = None,
    rate: Rate = 20.0,
    tries: Tries = 5,
    cache: Cache = None,
) -> None:
    """Join a campaign that `sn7ml areas` runs, on this machine or another, as one more worker until it is done."""
    from sn7ml.areas.campaign import join_campaign
    from sn7ml.areas.source import SourceOptions
    from sn7ml.registry.requested import load_model

    source = SourceOptions(tiles, cache=cache or out / "cache", tries=tries, most_per_second=rate)
    blocks = 0

    def count() -> None:
        nonlocal blocks
        blocks += 1

    with interruptible():
        join_campaign(out, load_model(model, params), source, queue, count)
    say(f"the campaign is done, {blocks} blocks of it by this worker: {out}")


@contextmanager
def interruptible() -> Iterator[None]:
    """End on Ctrl-C with a sentence, and the exit code of shells."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print("interrupted; the same command goes on")
        raise typer.Exit(130) from None


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """Yield a hook that shows how many tiles are done, how many a second this process gets done, and for how long."""
    shown = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(TextColumn("tiles"), *shown, console=errors) as bars:
        row = None
        first, start = 0, time.monotonic()

        def show(done: int, total: int) -> None:
            nonlocal row, first
            if row is None:
                first, row = done, bars.add_task("tiles", total=total, completed=done, rate="")
                if done:
                    say(f"{done} of {total} tiles were there already")
            rate = (done - first) / max(time.monotonic() - start, 1e-9)
            bars.update(row, completed=done, rate=f"{rate:.1f} a second")

        yield show
