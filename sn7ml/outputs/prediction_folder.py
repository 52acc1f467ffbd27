"""The folder that a prediction is written to: what its results were made of, and which frames are still to do.

::

    predict.json                        the model, the params and the images
    images/<AOI>/<time>.tif             single images only: what networks look at
    probabilities/<AOI>/<month>.tif     written frame by frame, each whole or not at all
    footprints/  submission.csv  buildings.csv  drift.*                      written at the end
    geojson/  maps/                                                          the same, of series
    masks/  buildings.gpkg  buildings.geojson                                the same, of single images
    maps/  heat/  counts.csv  classes.gpkg                                   in place of all these, of land use

``predict.json`` is written first. A prediction that was killed continues where it stopped when it is asked for again.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from sn7ml.core.errors import CatalogError
from sn7ml.core.runtime.files import write_text
from sn7ml.core.safe_files import read_json
from sn7ml.params import Usage, flatten

RECORD, LOCK, PROBABILITIES = "predict.json", ".predict.lock", "probabilities"

RESULTS = (
    *(PROBABILITIES, "footprints", "geojson", "maps", "submission.csv", "buildings.csv"),
    *("drift.json", "drift.md", "drift.html", "images", "masks", "buildings.gpkg", "buildings.geojson"),
    *("heat", "counts.csv", "classes.gpkg", "predictions.hdf5"),
)
"""What ``overwrite`` removes. Other files in the folder are not ours."""

LEFTOVER = re.compile(r"\..+\.\d+\.tmp\.\w+")
"""Name of an unfinished file, left by a process that was killed."""

CURE = "name another folder, or give --overwrite to begin anew"


@dataclass(frozen=True)
class Job:
    """What a prediction was asked for, and by what it was done."""

    model: Mapping[str, str]
    """``asked``, ``resolved``, ``digest``."""

    params: Usage

    images: Mapping[str, Mapping[str, str]]
    """``"<AOI> <month>"`` to ``file`` and ``sha256``."""

    versions: Mapping[str, str]
    """Library to version."""

    stretch: str | None = None
    """How brightness of single images became bytes, in words; None for series."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types, without ``predict.splits``: a prediction takes the whole of every image."""
        params = flatten(self.params)
        del params["predict.splits"]
        if self.stretch is not None:
            params["stretch"] = self.stretch
        content = asdict(self) | {"params": params}
        del content["stretch"]
        return content


def hash_images(root: Path, frames: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return ``images`` of a :class:`Job` for the images of ``SOURCES``; a folder of map tiles is hashed as a whole."""
    digests = {image: _hash(root / image) for image in frames["image"].unique()}
    return {
        f"{aoi} {month}": {"file": str(root / image), "sha256": digests[image]}
        for aoi, month, image in zip(frames["aoi"], frames["time"], frames["image"], strict=True)
    }


def _hash(path: Path) -> str:
    content = hashlib.sha256()
    for file in sorted(it for it in path.rglob("*") if it.is_file()) if path.is_dir() else [path]:
        with file.open("rb") as opened:
            hashlib.file_digest(opened, lambda: content)  # continues the same digest
    return content.hexdigest()


def read_job(out: Path) -> dict[str, Any] | None:
    """Return the job whose results lie in ``out``; None if it is new or empty.

    Raises CatalogError if ``out`` is a file, holds something else, or its ``predict.json`` is damaged.
    """
    if out.exists() and not out.is_dir():
        raise CatalogError("output.not-a-folder", f"{out} is a file; expected a folder, new or empty")
    if not out.exists() or all(path.name == LOCK for path in out.iterdir()):
        return None
    try:
        content = read_json(out / RECORD)
        return {key: content[key] for key in ("model", "params", "images")}
    except FileNotFoundError:
        raise CatalogError(
            "prediction.folder-not-empty",
            f"{out} is not empty, and no prediction ({RECORD}) lies in it; name another folder, or empty it",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogError(
            "prediction.unreadable",
            f"{out / RECORD} cannot be read ({type(error).__name__}: {error!s:.100}); remove {out}, "
            "or name another folder",
        ) from None


@contextmanager
def claimed(out: Path, job: Job, *, overwrite: bool) -> Iterator[None]:
    """Reserve ``out`` for this job: check what lies there, lock it for other processes, and write ``predict.json``.

    It may hold results of the same job, for fewer images; those of another are removed first if ``overwrite``. Raises
    CatalogError if it is a file, holds something else or the results of another job, or another process writes there.
    """
    before = read_job(out)
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise CatalogError(
            "prediction.in-use",
            f"{out}: another process is writing its prediction there; wait for it, or name another folder",
        ) from None
    try:
        if overwrite:
            for path in (out / name for name in RESULTS):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        elif before is not None and (changes := _differences(before, job.as_dict())):
            raise CatalogError("prediction.other", f"{out} holds another prediction ({'; '.join(changes)}): {CURE}")
        for path in out.rglob(".*"):
            if LEFTOVER.fullmatch(path.name):
                path.unlink()
        write_job(out, job, None)
        yield
    finally:
        (out / LOCK).unlink(missing_ok=True)  # while it is held: nobody waits for it, so nobody holds a deleted file
        lock.release()


def write_job(out: Path, job: Job, found: Mapping[str, Any] | None) -> None:
    """Write ``predict.json``. ``found`` sums up the results; None as long as there are none."""
    content = job.as_dict() | {"complete": found is not None, "found": found}
    write_text(out / RECORD, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def without_done(out: Path, frames: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``SOURCES`` whose probabilities are not there yet."""
    done = [
        (out / PROBABILITIES / aoi / f"{month}.tif").exists()
        for aoi, month in zip(frames["aoi"], frames["time"], strict=True)
    ]
    return frames[[not there for there in done]]


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return how two jobs differ: in the model, in params, in images of the first that are gone or changed."""
    changes = []
    if before["model"]["digest"] != now["model"]["digest"]:
        there, here = (f"{job['model']['resolved']}, digest {job['model']['digest']}" for job in (before, now))
        changes.append(f"of the model {there}, not {here}")
    old, new = before["params"], now["params"]
    if params := sorted(key for key in {*old, *new} if old.get(key) != new.get(key)):
        more = f" and {len(params) - 1} more" * (len(params) > 1)
        changes.append(f"with {params[0]} {old.get(params[0])}, not {new.get(params[0])}{more}")
    kept = {key: image["sha256"] for key, image in now["images"].items()}
    if images := [key for key, image in before["images"].items() if kept.get(key) != image["sha256"]]:
        changes.append(f"of images that are gone or changed since: {', '.join(images[:3])}{' …' * (len(images) > 3)}")
    return changes
