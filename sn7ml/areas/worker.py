"""A worker of a campaign: takes blocks from the queue, fetches, predicts, writes, and only then takes them off."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sn7ml.areas.blocks import Asked, Block, Mosaic, Reader
from sn7ml.areas.jobs import LEASE_S, Claim, Jobs, open_jobs
from sn7ml.areas.measure import Scale, measure
from sn7ml.areas.results import Results
from sn7ml.areas.source import SourceOptions
from sn7ml.core.errors import AreasError
from sn7ml.core.geo.radiometry import Brightness
from sn7ml.learn.trained_model import TrainedModel

RESULTS = "blocks"
"""Folder of a campaign that holds the results by block."""

PAUSE_S = 0.5
"""Until a worker without a job asks the queue again: others may die, and theirs come back."""


@dataclass(frozen=True)
class Plan:
    """What all workers of a campaign must agree on."""

    key: str
    """Names the campaign: in front of each job, so that a queue of another one is noticed."""

    zoom: int
    side: int
    """Tiles along a side of a block."""

    tile_px: int
    margin_px: int
    blocks: int
    brightness: Brightness

    def job(self, block: Block) -> str:
        """Write a block as a job of the queue."""
        return f"{self.key} {block.col} {block.row} {block.covered.hex()}"

    def block(self, job: str) -> Block:
        """Read what :meth:`job` wrote. Raises AreasError for a job of another campaign."""
        key, _, place = job.partition(" ")
        if key != self.key:
            raise AreasError(
                "areas.other-queue",
                f"the queue holds job {job!r:.80}, which is not of this campaign ({self.key}); give it a queue of its "
                "own, by a name behind '#'",
            )
        col, row, covered = place.split()
        return Block(int(col), int(row), self.side, self.zoom, bytes.fromhex(covered))


@dataclass(frozen=True)
class Work:
    """Everything a worker needs; can be handed to another process."""

    out: Path
    plan: Plan
    model: TrainedModel
    source: SourceOptions
    queue: str

    def __call__(self, _worker: str = "", on_done: Callable[[], None] = lambda: None) -> None:
        """Work until every block of the campaign is done; call ``on_done`` after each of one's own.

        Raises AreasError if the source refuses, the queue cannot be used, or the folder cannot be written to.
        """
        stopped = threading.Event()
        reader = Reader(self.source.open(sleep=stopped.wait), self.plan.tile_px, self.plan.margin_px)
        try:
            self._work(reader, on_done)
        except OSError as error:
            raise AreasError(
                "areas.cannot-write",
                f"cannot write to {self.out} ({error}). What lies there is whole: mend the cause, and the same command "
                "goes on",
            ) from None
        finally:
            stopped.set()
            reader.close()

    def _work(self, reader: Reader, on_done: Callable[[], None]) -> None:
        results = Results(self.out / RESULTS)
        with closing(open_jobs(self.queue)) as jobs, kept_alive() as held:
            now = self._take(jobs, results, reader, held)
            while now is not None or len(results.done()) < self.plan.blocks:
                if now is None:
                    time.sleep(PAUSE_S)
                    now = self._take(jobs, results, reader, held)
                    continue
                ahead = self._take(jobs, results, reader, held)  # its tiles are fetched while the network runs
                if not results.has(now.block):  # a broker may have handed it out twice, even in a row
                    results.write(now.block, *self._measured(now.block, reader.read(now.block, now.asked)))
                    on_done()
                now.claim.done()
                held.remove(now.claim)
                now = ahead

    def _take(self, jobs: Jobs, results: Results, reader: Reader, held: list[Claim]) -> "_Taken | None":
        """Claim the next block that is not done, and ask for its tiles; None if there is none at the moment."""
        while claim := jobs.claim():
            held.append(claim)
            block = self.plan.block(claim.job)
            if not results.has(block):
                return _Taken(claim, block, reader.begin(block))
            claim.done()
            held.remove(claim)
        return None

    def _measured(self, block: Block, mosaic: Mosaic) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return ``TILES`` and ``PARTS`` of a block."""
        predictor, plan = self.model.predictor, self.plan
        seen = any(mosaic.tiles[tile.x, tile.y].pixels is not None for tile in block.tiles)
        found = predictor.predict_image(mosaic.pixels, brightness=plan.brightness) if seen else None
        params = self.model.usage.output.of_buildings().instances
        return measure(block, mosaic, found, params, Scale(plan.tile_px, plan.margin_px, predictor.upsampling))


@dataclass(frozen=True)
class _Taken:
    claim: Claim
    block: Block
    asked: Asked


@contextmanager
def kept_alive() -> Iterator[list[Claim]]:
    """Yield a list for the claims that this process holds: they are kept as long as it lives, and handed back at last.

    A process that is killed hands nothing back; the queue waits ``LEASE_S`` for it.
    """
    held: list[Claim] = []
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(LEASE_S / 4):
            for claim in tuple(held):
                with suppress(AreasError):  # a queue that is busy now is asked again soon
                    claim.keep()

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield held
    finally:
        ended.set()
        for claim in held:
            with suppress(AreasError):
                claim.give_up()
