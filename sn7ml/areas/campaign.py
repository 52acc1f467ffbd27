"""A campaign: a boundary, a zoom, tiles and a model in; areas by tile and outlines of buildings out.

::

    campaign.json                           what was asked for, and how bright the tiles are
    model/                                  networks that follow these tiles, if predict.adaptation says so
    blocks/                                 results by block (sn7ml.areas.results)
    queue.sqlite                            blocks that are not done, unless a broker holds them
    cache/                                  tiles of a server
    areas.csv  buildings.gpkg  buildings.geojson    written at the end

A campaign that was killed goes on when it is asked for again.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from filelock import FileLock, Timeout
from morecantile import Tile

from sn7ml.areas.blocks import Block, blocks_of, grid_over
from sn7ml.areas.cover import MOST_TILES, read_boundary, tiles_over
from sn7ml.areas.jobs import open_jobs
from sn7ml.areas.look import Look, look_around
from sn7ml.areas.merge import Merge
from sn7ml.areas.results import Results
from sn7ml.areas.source import SourceOptions, shown
from sn7ml.areas.worker import RESULTS, Plan, Work
from sn7ml.core.errors import AreasError
from sn7ml.core.geo.radiometry import Brightness
from sn7ml.core.runtime.files import write_text
from sn7ml.core.safe_files import read_json
from sn7ml.learn.package import load_package, save_package
from sn7ml.learn.predict import adapt_package
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.package_files import read_config
from sn7ml.params import flatten
from sn7ml.scenes.input_checks import ground_pixel_size_m, trained_pixel
from sn7ml.search.workers import work_together

RECORD, LOCK, QUEUE, MODEL = "campaign.json", ".areas.lock", "queue.sqlite", "model"

TASKS = ("buildings", "building_distance")
"""Tasks whose models find buildings in single images."""

MOST_SCALED = 1.5
"""How many times as large, or as small, pixels of tiles may be as those that the model learned from: zooms double."""

MOST_DEATHS = 25
"""Workers that may be killed while no block is done."""

Progress = Callable[[int, int], None]
"""Called with how many tiles are done, and of how many."""


@dataclass(frozen=True)
class Request:
    """What a campaign is asked for."""

    boundary: Path
    zoom: int
    source: SourceOptions
    model: TrainedModel
    side: int = 8
    """Tiles along a side of a block, the unit of work."""

    margin_px: int = 64
    """Pixels of neighbouring tiles that are read around a block; at most a tile."""

    most_tiles: int = MOST_TILES

    any_pixel_size: bool = False
    """Whether to take tiles of another pixel size than the model learned from."""

    def as_dict(self, tiles: int, boundary: str) -> dict[str, Any]:
        """Return what decides the results as plain JSON types, given the cover's size and the boundary's digest."""
        return {
            "boundary": boundary,
            "zoom": self.zoom,
            "tiles": tiles,
            "source": shown(self.source.template),
            "tile_px": self.source.size_px,
            "block": self.side,
            "margin_px": self.margin_px,
            "model": self.model.digest,
            **_usage_of(self.model),
        }


def run_campaign(
    request: Request,
    out: Path,
    workers: int = 1,
    queue: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> pd.DataFrame:
    """Measure the built area of every tile that a boundary touches; return ``areas.csv`` as a table.

    Results depend neither on the number of workers nor on which of them were killed. One worker is this process; more
    are processes of their own, each of which takes its share of the source's rate. ``queue`` is the URL of a broker, if
    workers of other machines are to join (:func:`join_campaign`); then ``out`` is a folder that all of them see.

    Raises AreasError if the boundary, the tiles or the model cannot be used, or ``out`` holds something else: then
    nothing is written. Also if the queue cannot be used or workers keep dying: what is done then stays.
    """
    refuse_other_tasks(request.model)
    area = read_boundary(request.boundary)
    tiles = tiles_over(area, request.zoom, request.most_tiles)
    if request.margin_px > request.source.size_px:
        raise AreasError(
            "areas.margin", f"margin of {request.margin_px} px: expected at most a tile, {request.source.size_px} px"
        )
    _refuse_other_zoom(request, tiles[len(tiles) // 2])
    asked = request.as_dict(len(tiles), _digest(shapely.to_wkb(area)))
    before = read_record(out)
    if before and (changes := [key for key in asked if before["asked"].get(key) != asked[key]]):
        told = ", ".join(f"{key} {before['asked'].get(key)!r:.60}, not {asked[key]!r:.60}" for key in changes[:3])
        raise AreasError("areas.other-campaign", f"{out} holds another campaign ({told}); name another folder")
    request.source.open()  # a template that cannot be meant is refused before any work
    known = before or look_around(request.source, tiles, request.model.usage.predict.tile_px)
    blocks = blocks_of(tiles, request.side)
    with _alone(out):
        record = _begin(out, known, asked, request.model, len(blocks)) if isinstance(known, Look) else known
        plan = _plan(record)
        work = Work(out, plan, _model_for(out, record, request.model), request.source, _queue(out, plan, queue))
        results = Results(out / RESULTS)
        results.remove_leftovers()
        results.forget_failed(blocks)
        _fill(work, blocks, results.done(), queue is None)
        _work(work, blocks, workers, progress)
        results.remove_leftovers()
        factor = read_config(request.model.folder).upsampling
        simplify_px = request.model.usage.output.of_buildings().instances.simplify_px
        return Merge(results, blocks, plan.tile_px * factor, simplify_px * factor).write(out)


def join_campaign(
    out: Path, model: TrainedModel, source: SourceOptions, queue: str | None, on_done: Callable[[], None]
) -> None:
    """Be one more worker of a campaign that another process runs, until it is done.

    Raises AreasError if there is none in ``out``, or it has another model.
    """
    record = read_record(out)
    if record is None:
        raise AreasError("areas.no-campaign", f"{out}: no campaign ({RECORD}) lies there; `sn7ml areas` begins one")
    if record["asked"]["model"] != model.digest:
        raise AreasError(
            "areas.other-model",
            f"{out} has a model of digest {record['asked']['model']}, but {model.asked} has {model.digest}",
        )
    if changes := [key for key, value in _usage_of(model).items() if record["asked"].get(key) != value]:
        raise AreasError(
            "areas.other-params",
            f"{out} was begun with other values of {', '.join(changes[:5])}; give the same --params to all workers",
        )
    plan, model = _plan(record), _model_for(out, record, model)
    Work(out, plan, model, replace(source, size_px=plan.tile_px), _queue(out, plan, queue))(on_done=on_done)


def refuse_other_tasks(model: TrainedModel) -> None:
    """Raise AreasError for a model that does not find buildings in single images."""
    if model.usage.task not in TASKS:
        raise AreasError(
            "areas.task", f"{model.asked} is of task {model.usage.task}; areas need a model of {' or '.join(TASKS)}"
        )


def _refuse_other_zoom(request: Request, middle: Tile) -> None:
    """Raise AreasError if the pixels of tiles are much larger or smaller on the ground than those that were learned."""
    side = request.source.size_px
    grid = grid_over(middle.x, middle.y, middle.z, side, (side, side))
    factor = trained_pixel(grid, request.model.images)
    if request.any_pixel_size or 1 / MOST_SCALED <= factor <= MOST_SCALED:
        return
    metres = ground_pixel_size_m(grid)
    fits = middle.z - round(math.log2(factor))
    raise AreasError(
        "areas.pixel-size",
        f"zoom {middle.z}: tiles of {side} px have pixels of {metres:.3g} m here, but {request.model.asked} learned "
        f"from pixels of {metres * factor:.3g} m; take zoom {fits}, or try it anyway with --any-pixel-size",
    )


def read_record(out: Path) -> dict[str, Any] | None:
    """Return ``campaign.json``; None if ``out`` is new or empty.

    Raises AreasError if ``out`` is a file or holds something else, or the record is damaged.
    """
    if out.exists() and not out.is_dir():
        raise AreasError("output.not-a-folder", f"{out} is a file; expected a folder, new or empty")
    if not out.exists() or all(path.name in (LOCK, MODEL) for path in out.iterdir()):
        return None  # a model alone: killed before anything was done
    try:
        record: dict[str, Any] = read_json(out / RECORD)
        _brightness_in(record), _plan(record)
    except FileNotFoundError:
        raise AreasError(
            "areas.folder-not-empty", f"{out} is not empty, and no campaign ({RECORD}) lies in it; name another folder"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AreasError(
            "areas.campaign-unreadable",
            f"{out / RECORD} cannot be read ({type(error).__name__}: {error!s:.100}); name another folder",
        ) from None
    return record


def _begin(out: Path, look: Look, asked: dict[str, Any], model: TrainedModel, blocks: int) -> dict[str, Any]:
    """Write what all workers must agree on, the record last, and return it."""
    mean, std = look.brightness
    if model.usage.predict.adaptation:
        package = adapt_package(load_package(model.folder), model.usage.predict, look.windows, look.brightness)
        save_package(out / MODEL, package)
    record = {"asked": asked, "model": model.names, "blocks": blocks}
    record["brightness"] = {"mean": mean.tolist(), "std": std.tolist()}
    write_text(out / RECORD, json.dumps(record, indent=2) + "\n")
    return record


def _model_for(out: Path, record: Mapping[str, Any], model: TrainedModel) -> TrainedModel:
    """Return the model with the networks of this campaign."""
    return replace(model, folder=out / MODEL) if record["asked"]["predict.adaptation"] else model


def _usage_of(model: TrainedModel) -> dict[str, Any]:
    """Return how a model is used, flat and as plain JSON types; without what a campaign does not ask."""
    params = {key: value for key, value in flatten(model.usage).items() if key != "predict.splits"}
    return dict(json.loads(json.dumps(params)))


def _fill(work: Work, blocks: Sequence[Block], done: set[str], local: bool) -> None:
    """Put what is not done into the queue. A local one is begun anew: whatever held jobs of it is dead."""
    if local:
        Path(work.queue).unlink(missing_ok=True)
    with closing(open_jobs(work.queue)) as jobs:
        jobs.put([work.plan.job(block) for block in blocks if block.name not in done])


def _work(work: Work, blocks: Sequence[Block], workers: int, progress: Progress) -> None:
    """Run workers until all blocks are done. Raises AreasError if they keep dying."""
    results, counts = Results(work.out / RESULTS), {block.name: len(block.tiles) for block in blocks}
    total, most, deaths = sum(counts.values()), 0, 0

    def show() -> None:
        progress(sum(counts[name] for name in results.done()), total)

    def begin_another(_worker: str) -> bool:
        nonlocal most, deaths
        done = len(results.done())
        most, deaths = max(most, done), deaths + 1 if done <= most else 1
        return deaths < MOST_DEATHS

    show()
    if len(results.done()) < len(blocks):
        if workers == 1:
            work(on_done=show)
        else:
            share = replace(work.source, most_per_second=work.source.most_per_second / workers)
            work_together(replace(work, source=share), workers, begin_another, show)
    if (done := len(results.done())) < len(blocks):
        raise AreasError(
            "areas.workers-died",
            f"{MOST_DEATHS} workers died in a row, after {done} of {len(blocks)} blocks; the same command goes on. "
            "Fewer --workers and a smaller --block take less memory",
        )


def _plan(record: Mapping[str, Any]) -> Plan:
    """Return what a record says to workers. Raises KeyError or TypeError if it is damaged."""
    asked = record["asked"]
    return Plan(
        key=_digest(json.dumps(asked, sort_keys=True).encode()),
        zoom=asked["zoom"],
        side=asked["block"],
        tile_px=asked["tile_px"],
        margin_px=asked["margin_px"],
        blocks=record["blocks"],
        brightness=_brightness_in(record),
    )


def _queue(out: Path, plan: Plan, url: str | None) -> str:
    """Return the address of a campaign's queue: a file in ``out``, or a queue of the broker that bears its name."""
    if url is None:
        return str(out / QUEUE)
    return url if "#" in url else f"{url}#sn7ml-areas-{plan.key}"


def _brightness_in(record: Mapping[str, Any]) -> Brightness:
    mean, std = (np.array(record["brightness"][name], np.float32) for name in ("mean", "std"))
    return mean, std


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Reserve the folder for this process. Raises AreasError if another runs a campaign there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with FileLock(out / LOCK, timeout=0):
            yield
    except Timeout:
        raise AreasError(
            "areas.in-use", f"{out}: another process runs a campaign there; `sn7ml areas-work {out}` joins it"
        ) from None
    except OSError as error:
        raise AreasError("areas.cannot-write", f"cannot write to {out} ({error})") from None
