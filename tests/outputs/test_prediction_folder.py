"""Whose results lie in a folder, and who may write there."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from sn7ml.core.errors import CatalogError
from sn7ml.outputs.prediction_folder import LOCK, RECORD, Job, claimed, hash_images, without_done, write_job
from sn7ml.params import Usage, load_params, with_values
from sn7ml.scenes.layouts.images import find_frames
from tests.learn.toy import windows
from tests.raising import raises
from tests.sn7_folder import AOI, MONTHS, stem

ROOT = Path(__file__).resolve().parents[2]
USAGE = Usage(predict=windows(), output=load_params(ROOT / "params.yaml").output)
IMAGES = {f"{AOI} {month}": {"file": f"/data/{month}.tif", "sha256": month} for month in MONTHS}
MODEL = {"asked": "a", "resolved": "/a", "digest": "0a"}
JOB_A = Job(MODEL, USAGE, IMAGES, {"torch": "1"})


def claim(out: Path, job: Job = JOB_A, *, overwrite: bool = False) -> None:
    with claimed(out, job, overwrite=overwrite):
        pass


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A prediction that was killed after a frame."""
    claim(tmp_path / "out")
    (tmp_path / "out" / "probabilities" / AOI).mkdir(parents=True)
    (tmp_path / "out" / "probabilities" / AOI / "2018-01.tif").touch()
    (tmp_path / "out" / "notes.txt").touch()
    return tmp_path / "out"


def test_a_new_or_empty_folder_is_ours_and_says_at_once_what_for(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new/er", "empty"):
        claim(tmp_path / name)
        content = json.loads((tmp_path / name / RECORD).read_text())
        assert (content["complete"], content["found"]) == (False, None)
        assert content["model"] == MODEL
        assert content["params"]["predict.tile_px"] == 32
        assert content["images"] == IMAGES
        assert [path.name for path in (tmp_path / name).iterdir()] == [RECORD]


def test_the_same_job_goes_on_with_what_is_left(out: Path) -> None:
    frames = pd.DataFrame({"aoi": [AOI] * 3, "time": list(MONTHS)})
    claim(out)
    assert without_done(out, frames)["time"].tolist() == ["2018-02", "2018-04"]


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB_A, images=IMAGES | {f"{AOI} 2018-05": {"file": "/data/new.tif", "sha256": "new"}}),
        replace(JOB_A, images={key: image | {"file": f"/moved{image['file']}"} for key, image in IMAGES.items()}),
        replace(JOB_A, model=MODEL | {"asked": "models:/x@champion"}),
        replace(JOB_A, versions={"torch": "2"}),
        replace(JOB_A, params=USAGE.model_copy(update={"predict": windows(splits=("train",))})),
    ],
    ids=["a month came", "moved", "the same model by another name", "another torch", "splits, which mean nothing here"],
)
def test_what_leaves_the_frames_as_they_are_is_the_same_job(job: Job, out: Path) -> None:
    claim(out, job)
    assert json.loads((out / RECORD).read_text())["images"] == json.loads(json.dumps(job.as_dict()))["images"]


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (
            replace(JOB_A, model=MODEL | {"resolved": "/b", "digest": "0b"}),
            ("/a", "0a", "/b", "0b"),
        ),
        (
            replace(JOB_A, params=USAGE.model_copy(update={"predict": windows(overlap_px=4, batch_size=9)})),
            ("predict.batch_size 3", 9, 1),
        ),
        (
            replace(JOB_A, params=with_values(USAGE, {"output.tracks.method": "baseline"}, "test")),
            ("output.tracks.method changepoint", "baseline"),
        ),
        (replace(JOB_A, images={}), (f"{AOI} 2018-01, {AOI} 2018-02, {AOI} 2018-04",)),
        (
            replace(JOB_A, images=IMAGES | {f"{AOI} 2018-02": {"file": "/data/2018-02.tif", "sha256": "other"}}),
            (f"{AOI} 2018-02)",),
        ),
    ],
)
def test_another_job_is_refused_with_what_differs_and_nothing_is_touched(
    job: Job, words: tuple[object, ...], out: Path
) -> None:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with raises(CatalogError, "prediction.other", *words, "--overwrite"):
        claim(out, job)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_overwriting_removes_our_results_and_nothing_else(out: Path) -> None:
    for name in ("footprints", "geojson", "maps"):
        (out / name).mkdir()
    (out / "submission.csv").touch()
    claim(out, replace(JOB_A, model=MODEL | {"digest": "0b"}), overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ["notes.txt", RECORD]
    assert json.loads((out / RECORD).read_text())["model"]["digest"] == "0b"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_never_touched(overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / "submission.csv").touch()
    with raises(CatalogError, "prediction.folder-not-empty", tmp_path, "predict.json"):
        claim(tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["submission.csv"]
    with raises(CatalogError, "output.not-a-folder", "submission.csv"):
        claim(tmp_path / "submission.csv", overwrite=overwrite)


@pytest.mark.parametrize("content", ["{", "[]", '{"model": {}}', "\udcff"])
def test_a_damaged_record_is_named(content: str, out: Path) -> None:
    (out / RECORD).write_text(content, errors="surrogateescape")
    with raises(CatalogError, "prediction.unreadable", out / RECORD):
        claim(out)


def test_a_second_process_is_sent_away_and_the_first_is_not_disturbed(out: Path) -> None:
    code = f"from filelock import FileLock; lock = FileLock({str(out / LOCK)!r}); lock.acquire(); print(); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for _ in range(2):
            with raises(CatalogError, "prediction.in-use", out):
                claim(out)
        other.communicate(b"\n")
    claim(out)


def test_the_end_is_written_with_what_was_found(out: Path) -> None:
    write_job(out, JOB_A, {"buildings": 3})
    content = json.loads((out / RECORD).read_text())
    assert (content["complete"], content["found"]) == (True, {"buildings": 3})


def test_images_are_known_by_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / f"{stem(AOI, '2018-01')}.tif"
    path.write_bytes(b"abc")
    # FIPS 180-2, example B.1
    assert hash_images(*find_frames(path)) == {
        f"{AOI} 2018-01": {
            "file": str(path.resolve()),
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        }
    }
