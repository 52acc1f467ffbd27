"""Bytes of good files, damaged at random, through every reader: a result, or an error with the file and a reason.

``python -m tests.hostile.fuzz FOLDER ROUNDS [SEED [KIND …]]`` prints what broke as JSON lines and leaves the files in
FOLDER. The same seed gives the same damage. The input at hand lies in FOLDER/now, also after the process ended.
"""

import csv
import json
import random
import resource
import shutil
import signal
import struct
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import rasterio
import shapely

from sn7ml.core.errors import Sn7Error
from sn7ml.params.section import Section
from sn7ml.scenes.images import Image
from sn7ml.scenes.row_errors import not_in_pixels
from tests.hostile.readers import READERS, Reader
from tests.hostile.test_frames import PIXELS, write

SECONDS = 20
MOST_BYTES = 6 * 2**30

FRAME_WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"compress": "lzw"},
    {"compress": "deflate", "predictor": 2, "interleave": "pixel"},
    {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "zstd"},
    {"bigtiff": "yes", "endianness": "big"},
    {"interleave": "band", "compress": "packbits"},
    {"nodata": 0, "blockysize": 1},
)
TOKENS = (
    b"NaN", b"Infinity", b"1e999", b"-1e308", b"-", b"null", b"true", b"[", b"]", b"{", b"}",
    b'"', b"\\u0000", b"\0", b"\xff", b"\xed\xa0\x80", b",", b"\n", b"\r",
    b"&a ", b"*a", b"!!int ", b"? ", b"- ", b": ", b"<<: ", b"(", b")", b"EMPTY", b"../",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2**31 - 1, -(2**31), 2**16 - 1, 256, 2**24)


class Hang(BaseException):
    """No Exception, and least of all an OSError: readers would take it for a fault of the file."""


@dataclass(frozen=True)
class Target:
    """A reader, good files for it, and what must hold of what it gives."""

    reader: Reader
    write_all: Callable[[Path], Iterator[None]]
    """Writes one good file after the other to a path."""

    complaint: Callable[[Path, Any], str]
    """What is wrong with a result; "" if nothing is."""


def once(reader: Reader) -> Callable[[Path], Iterator[None]]:
    def write_all(path: Path) -> Iterator[None]:
        reader.write(path)
        yield

    return write_all


def frames(path: Path) -> Iterator[None]:
    for profile in FRAME_WAYS:
        write(path, PIXELS, **profile)
        yield


def of_frame(path: Path, found: Image) -> str:
    with rasterio.open(path) as source:
        shape, transform = source.shape, source.transform
    if found.pixels.shape != (4, *shape) or found.pixels.dtype != np.uint8:
        return f"declared {shape}, got {found.pixels.shape} of {found.pixels.dtype}"
    if found.grid.transform != transform or not np.isfinite(tuple(transform)).all():
        return f"transform {transform}, got {found.grid}"
    again = READERS["frame"].read(path)
    return "" if isinstance(again, Image) and np.array_equal(again.pixels, found.pixels) else "another image each time"


def of_labels(path: Path, found: Any) -> str:
    """Nothing may be missing that is a polygon with an id from 0 on, in the file as Python's own parser sees it."""
    features = json.loads(path.read_text(encoding="utf-8-sig"))["features"]
    solid = [one for one in features if int(one["properties"]["Id"]) >= 0 and one["geometry"] is not None]
    solid = [one for one in solid if one["geometry"]["type"].lower() in ("polygon", "multipolygon")]
    solid = [one for one in solid if set(json.dumps(one["geometry"]["coordinates"])) - set("[], ")]  # [[]] is EMPTY
    geometries = found["geometry"].to_numpy(dtype=object)
    if len(found) != len(solid):
        return f"{len(solid)} polygons, got {len(found)}"
    if not_in_pixels(geometries).any() or not shapely.is_valid(geometries).all():
        return "coordinates that are no pixels, or no valid polygon"
    return ""


def of_csv(path: Path, found: Any) -> str:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(found) != len(rows) - 1:
        return f"{len(rows) - 1} rows, got {len(found)}"
    return "coordinates that are no pixels" if not_in_pixels(found["geometry"].to_numpy(dtype=object)).any() else ""


def of_section(_: Path, found: Any) -> str:
    section = found[0] if isinstance(found, tuple) else found
    if not isinstance(section, Section):
        return f"got {section!r:.100}"
    json.dumps(section.model_dump(), allow_nan=False)  # ValueError if a number is not finite
    return "" if type(section).model_validate(section.model_dump()) == section else "not what it says itself"


def of_array(_: Path, found: Any) -> str:
    return (
        "" if isinstance(found, np.ndarray) and found.dtype == np.bool_ and found.ndim == 2 else f"got {found!r:.100}"
    )


TARGETS = {
    "frame": Target(READERS["frame"], frames, of_frame),
    "mask": Target(READERS["mask"], once(READERS["mask"]), of_array),
    "labels": Target(READERS["labels"], once(READERS["labels"]), of_labels),
    "csv": Target(READERS["csv"], once(READERS["csv"]), of_csv),
    "params": Target(READERS["params"], once(READERS["params"]), of_section),
    "recipe": Target(READERS["recipe"], once(READERS["recipe"]), of_section),
    "package": Target(READERS["package"], once(READERS["package"]), of_section),
}


def damaged(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return the content with one to four damages."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not content:
            break
        content = rng.choice(DAMAGES)(content, others, rng)
    return content


def span(content: bytes, rng: random.Random) -> slice:
    start = rng.randrange(len(content))
    return slice(start, start + 2 ** rng.randrange(8))


def flip(content: bytes, _: list[bytes], rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def head(content: bytes, _: list[bytes], rng: random.Random) -> bytes:
    """Like flip, near the beginning, where headers are."""
    place = rng.randrange(min(len(content), 400))
    return content[:place] + bytes([rng.choice((0, 1, 4, 127, 128, 255))]) + content[place + 1 :]


def cut(content: bytes, _: list[bytes], rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def lose(content: bytes, _: list[bytes], rng: random.Random) -> bytes:
    gone = span(content, rng)
    return content[: gone.start] + content[gone.stop :]


def repeat(content: bytes, _: list[bytes], rng: random.Random) -> bytes:
    part = span(content, rng)
    return content[: part.stop] + content[part] * rng.choice((1, 1, 2, 50)) + content[part.stop :]


def splice(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others)
    part, place = span(other, rng), rng.randrange(len(content))
    return content[:place] + other[part] + content[place + rng.choice((0, part.stop - part.start)) :]


def token(content: bytes, _: list[bytes], rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + rng.choice(TOKENS) + content[place + rng.choice((0, 1)) :]


def number(content: bytes, _: list[bytes], rng: random.Random) -> bytes:
    place, order = rng.randrange(len(content)), rng.choice("<>")
    return content[:place] + struct.pack(f"{order}i", rng.choice(NUMBERS)) + content[place + 4 :]


DAMAGES = (flip, head, cut, lose, repeat, splice, token, number)


def attempt(target: Target, path: Path) -> tuple[str, str]:
    """Return ("read", "refused" or "broken") and what is wrong."""
    signal.alarm(SECONDS)
    try:
        wrong = target.complaint(path, target.reader.read(path))
    except Sn7Error as error:
        said = str(error).replace(str(path), "").replace(str(path.parent), "")
        named = path.name in str(error) or str(path.parent) in str(error)
        return ("refused", "") if named and len(said.strip(" :")) > 10 else ("broken", f"says only {error}")
    except BaseException:  # noqa: BLE001 - that there is none is what is tried here
        return "broken", traceback.format_exc()
    finally:
        signal.alarm(0)
    return ("broken", wrong) if wrong else ("read", "")


def run(folder: Path, rounds: int, seed: int, kinds: tuple[str, ...]) -> dict[str, int]:
    """Try ``rounds`` files of each kind, the first of them whole; print and keep those that break.

    Returns how many were read, refused, broken.
    """
    counts = {"read": 0, "refused": 0, "broken": 0}
    for kind in kinds:
        target, rng = TARGETS[kind], random.Random(f"{seed} {kind}")
        path = folder / "now" / kind / target.reader.file
        path.parent.mkdir(parents=True)
        good = [path.read_bytes() for _ in target.write_all(path)]
        for number_of_round in range(rounds):
            # The first is whole: a reader that refuses everything would pass otherwise.
            path.write_bytes(damaged(rng.choice(good), good, rng) if number_of_round else good[0])
            outcome, wrong = attempt(target, path)
            counts[outcome] += 1
            if outcome == "broken":
                kept = shutil.copy(path, folder / f"{kind}-{seed}-{number_of_round}-{path.name}")
                print(json.dumps({"kind": kind, "file": str(kept), "wrong": wrong}), flush=True)
    return counts


def stop(_: int, __: FrameType | None) -> None:
    raise Hang(f"over {SECONDS} s")


def main() -> None:
    folder, rounds, *rest = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    signal.signal(signal.SIGALRM, stop)
    warnings.simplefilter("error")
    seed, kinds = int(rest[0]) if rest else 7, tuple(rest[1:]) or tuple(TARGETS)
    print(json.dumps(run(Path(folder), int(rounds), seed, kinds)))


if __name__ == "__main__":
    main()
