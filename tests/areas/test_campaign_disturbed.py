"""A campaign against faulty servers, brokers, kills and interrupts ends as one that nothing disturbed."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from morecantile import Tile
from torch import Tensor

from sn7ml.areas.blocks import Block
from sn7ml.areas.jobs import BrokerJobs, open_jobs
from sn7ml.areas.results import Results
from sn7ml.core.errors import AreasError
from tests.areas.tile_server import HTML, FaultyServer
from tests.areas.town import (
    NORTH,
    SIDE,
    WEST,
    ZOOM,
    Bright,
    Town,
    read_areas,
    results,
    run,
    use,
    write_boundary,
    write_model,
)
from tests.raising import raises

ROOT = Path(__file__).resolve().parents[2]


def town_of(rows: int, cols: int) -> Town:
    """A house in most places of a raster of 20 pixels, some of them over borders of tiles."""
    rng = np.random.default_rng(7)
    places = [(row, col) for row in range(4, rows * SIDE - 20, 20) for col in range(4, cols * SIDE - 20, 20)]
    sizes = rng.integers(5, 14, (len(places), 2)).tolist()
    return Town(
        rows, cols, tuple((*place, *size) for place, size in zip(places, sizes, strict=True) if rng.random() < 0.8)
    )


SMALL = town_of(4, 4)


def built_m2(town: Town, tile: Tile) -> float:
    """Return the drawn area in a tile, row of pixels by row."""
    top, left = (tile.y - NORTH) * SIDE, (tile.x - WEST) * SIDE
    built = town.built()[top : top + SIDE, left : left + SIDE].sum(axis=1)
    return sum(town.area_m2((top + row, left, 1, int(cols))) for row, cols in enumerate(built) if cols)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Bright())


def words(town: Town, folder: Path, source: object, model: Path, **options: object) -> list[str]:
    """The command line of a campaign over a town."""
    boundary = folder / "boundary.geojson"
    if not boundary.exists():
        write_boundary(boundary, *town.tiles)
    given = {"zoom": ZOOM, "tiles": source, "model": model, "tile-px": SIDE, "block": 2, "margin": 24, "rate": 1e5}
    return [
        "areas",
        str(boundary),
        *(str(word) for name, value in (given | options).items() for word in (f"--{name}", value)),
    ]


def test_faults_of_a_server_that_pass_change_no_byte(
    bright: None, model: Path, server: FaultyServer, tmp_path: Path
) -> None:
    server.tiles, server.fault_share = SMALL.encoded(), 0.1
    run(*words(SMALL, tmp_path, server.url, model, out=tmp_path / "out"))
    run(*words(SMALL, tmp_path, SMALL.write(tmp_path / "tiles"), model, out=tmp_path / "calm"))
    left, right = results(tmp_path / "out"), results(tmp_path / "calm")
    assert [name for name in right if left[name] != right[name]] == ["campaign.json"]  # it names the source
    assert "secret" not in "".join(path.read_text() for path in tmp_path.glob("out/*.json"))
    assert server.asked >= 16


@pytest.mark.parametrize(
    ("status", "state", "cure"),
    [(404, "missing", "zoom"), (301, "redirect", "leads to"), (200, "not an image", "PNG"), (500, "failed", "later")],
)
def test_a_server_without_a_tile_is_told_in_one_sentence(
    bright: None, model: Path, server: FaultyServer, tmp_path: Path, *, status: int, state: str, cure: str
) -> None:
    server.status = status
    with raises(AreasError, "areas.no-tiles", state, cure):
        run(*words(SMALL, tmp_path, server.url, model, out=tmp_path / "out", tries=2))
    assert not (tmp_path / "out").exists()


def test_a_server_that_refuses_is_told_without_the_key(
    bright: None, model: Path, server: FaultyServer, tmp_path: Path
) -> None:
    server.status = 403
    with raises(AreasError, "areas.refused", 403) as caught:
        run(*words(SMALL, tmp_path, server.url, model, out=tmp_path / "out"))
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "out").exists()


class Interrupted(Bright):
    """Ctrl-C at the second batch of a block, after some blocks."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def forward(self, image: Tensor) -> Tensor:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return super().forward(image)


def test_after_an_interrupt_the_same_command_goes_on(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = SMALL.write(tmp_path / "tiles")
    use(monkeypatch, Bright())
    run(*words(SMALL, tmp_path, tiles, model, out=tmp_path / "calm"))
    use(monkeypatch, Interrupted(batches=8))
    with pytest.raises(AssertionError, match="goes on"):
        run(*words(SMALL, tmp_path, tiles, model, out=tmp_path / "out"))
    done = len(list(tmp_path.glob("out/blocks/*[0-9].parquet")))
    assert 0 < done < 4
    assert not (tmp_path / "out" / "areas.csv").exists()
    use(monkeypatch, Bright())
    run(*words(SMALL, tmp_path, tiles, model, out=tmp_path / "out"))
    assert results(tmp_path / "out") == results(tmp_path / "calm")


def test_a_queue_of_sqs_gives_the_same_and_holds_nothing_afterwards(
    bright: None, model: Path, sqs: str, tmp_path: Path
) -> None:
    tiles = SMALL.write(tmp_path / "tiles")
    run(*words(SMALL, tmp_path, tiles, model, out=tmp_path / "calm"))
    run(*words(SMALL, tmp_path, tiles, model, out=tmp_path / "out", queue=sqs))
    assert results(tmp_path / "out") == results(tmp_path / "calm")
    with closing(BrokerJobs(sqs, wait_s=1.0)) as jobs:
        assert jobs.claim() is None


@pytest.mark.parametrize("broker", [False, True], ids=["file", "SQS"])
def test_a_job_is_taken_off_the_queue_only_after_its_result_is_written(
    bright: None, model: Path, sqs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, broker: bool
) -> None:
    out, tiles, write, written = tmp_path / "out", SMALL.write(tmp_path / "tiles"), Results.write, list[str]()
    asked = words(SMALL, tmp_path, tiles, model, out=out, **({"queue": sqs} if broker else {}))

    def write_one(self: Results, block: Block, *tables: pd.DataFrame) -> None:
        if written:
            raise OSError(errno.ENOSPC, "disk full")
        write(self, block, *tables)
        written.append(block.name)

    with monkeypatch.context() as patch:
        patch.setattr(Results, "write", write_one)
        with raises(AreasError, "areas.cannot-write", out):
            run(*asked)
    with closing(open_jobs(sqs if broker else str(out / "queue.sqlite"))) as jobs:
        left = set()
        for _ in range(5):  # a message that was handed back is not there at once
            if claim := jobs.claim():
                left.add("-".join(claim.job.split()[1:3]))
                claim.done()
    assert len(left - {*written}) == 3
    run(*asked)
    run(*words(SMALL, tmp_path, tiles, model, out=tmp_path / "calm"))
    assert results(out) == results(tmp_path / "calm")


class Counting(Bright):
    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def forward(self, image: Tensor) -> Tensor:
        self.batches += 1
        return super().forward(image)


def test_a_block_whose_job_a_broker_holds_twice_is_predicted_once(
    model: Path, sqs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = words(SMALL, tmp_path, SMALL.write(tmp_path / "tiles"), model, out=tmp_path / "out", queue=sqs)
    use(monkeypatch, Interrupted(batches=8))
    with pytest.raises(AssertionError, match="goes on"):
        run(*asked)
    left = 4 - len(list(tmp_path.glob("out/blocks/*[0-9].parquet")))
    counting = Counting()
    use(monkeypatch, counting)
    run(*asked)  # puts again what is left in the queue
    assert 0 < left < 4
    assert counting.batches == 3 * left


def test_a_block_whose_job_is_handed_out_twice_in_a_row_is_predicted_once(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, counting = BrokerJobs.put, Counting()
    monkeypatch.setattr(BrokerJobs, "put", lambda self, jobs: put(self, [job for job in jobs for _ in range(2)]))
    use(monkeypatch, counting)
    tiles, queue = SMALL.write(tmp_path / "tiles"), "memory://#handed-out-twice"
    run(*words(SMALL, tmp_path, tiles, model, out=tmp_path / "out", queue=queue))
    assert counting.batches == 3 * 4


def test_a_queue_of_another_campaign_is_told(bright: None, model: Path, sqs: str, tmp_path: Path) -> None:
    with closing(BrokerJobs(sqs, wait_s=1.0)) as jobs:
        jobs.put(["0123456789abcdef 0 0 ff"])
    with raises(AreasError, "areas.other-queue", "0123456789abcdef"):
        run(*words(SMALL, tmp_path, SMALL.write(tmp_path / "tiles"), model, out=tmp_path / "out", queue=sqs))


def workers_of(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """Yield the workers that a supervisor has started, by their process ids."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        try:
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield int(child)
        except FileNotFoundError:
            continue


def run_killed(arguments: list[str], out: Path, kills: int, watch: Callable[[int], None] = lambda _done: None) -> None:
    """Run ``sn7ml`` in processes of its own, and kill one of its workers whenever two more blocks are done."""
    command, rng, killed, seen = [sys.executable, "-m", "tests.areas.town", *arguments], random.Random(7), 0, 0
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            end = time.monotonic() + 540
            while process.poll() is None:
                assert time.monotonic() < end
                time.sleep(0.05)
                done = len(list(out.glob("blocks/*[0-9].parquet")))
                watch(done)
                alive = list(workers_of(process))
                if killed < kills and done > seen + 1 and alive:
                    os.kill(rng.choice(alive), signal.SIGKILL)
                    killed, seen = killed + 1, done
        finally:
            process.kill()
    assert process.returncode == 0
    assert killed == kills


@pytest.mark.slow
def test_two_workers_of_which_three_are_killed_do_as_one_that_is_left_alone(
    bright: None, model: Path, tmp_path: Path
) -> None:
    town = town_of(6, 6)
    tiles, out = town.write(tmp_path / "tiles"), tmp_path / "out"
    run(*words(town, tmp_path, tiles, model, out=tmp_path / "calm"))
    run_killed(words(town, tmp_path, tiles, model, out=out, workers=2), out, kills=3)
    assert results(out) == results(tmp_path / "calm")


@pytest.mark.slow
def test_four_workers_of_which_thirty_are_killed_do_every_tile_once(
    bright: None, model: Path, server: FaultyServer, tmp_path: Path
) -> None:
    town, out = town_of(20, 20), tmp_path / "out"
    tiles, chosen = town.encoded(), random.Random(7).sample(town.tiles, 40)
    pages, cut_off, missing = chosen[:10], chosen[10:20], chosen[20:]
    server.tiles = tiles | dict.fromkeys(pages, HTML) | {tile: tiles[tile][:200] for tile in cut_off}
    server.tiles = {tile: content for tile, content in server.tiles.items() if tile not in missing}
    run(*words(town, tmp_path, server.url, model, out=tmp_path / "calm", tries=1))

    restarted: list[int] = []

    def restart(done: int) -> None:
        if done > 20 and not restarted:
            server.stop()
            time.sleep(1.0)
            server.start()
            restarted.append(done)

    server.fault_share, server.steady = 0.02, pages + cut_off  # a 500 at the last try would be their state
    run_killed(words(town, tmp_path, server.url, model, out=out, tries=4, workers=4), out, kills=30, watch=restart)
    assert restarted

    areas = read_areas(out)
    assert [(row.x, row.y, row.z) for row in areas.itertuples()] == [tuple(tile) for tile in town.tiles]
    states = dict.fromkeys(town.tiles, "ok") | dict.fromkeys(pages + cut_off, "not an image")
    states |= dict.fromkeys(missing, "missing")
    assert areas["state"].tolist() == list(states.values())
    true = [built_m2(town, tile) for tile, state in states.items() if state == "ok"]
    assert areas.loc[areas["state"] == "ok", "area_m2"].tolist() == pytest.approx(true, rel=1e-4, abs=0.06)
    assert results(out) == results(tmp_path / "calm")
