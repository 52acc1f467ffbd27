"""Disks that are full, or may not be written: nothing half-written stays, and the file that was there before does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WRITE = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd, shapely
from sn7ml.core.errors import Sn7Error
from tests.sn7_folder import AOI, grid_of

def raster(path):
    from sn7ml.scenes.rasters import write_bands
    noise = np.random.default_rng(0).integers(0, 256, (4, 300, 300)).astype(np.uint8)
    write_bands(path, list(noise), list("rgba"), grid_of(AOI, (300, 300)))

def small_raster(path):
    # Less than GDAL keeps in memory: nothing is written before the file is closed.
    from sn7ml.scenes.rasters import write_bands
    noise = np.random.default_rng(0).integers(0, 256, (4, 128, 128)).astype(np.uint8)
    write_bands(path, list(noise), list("rgba"), grid_of(AOI, (128, 128)))

def submission(path):
    from sn7ml.outputs.submission import write_submission
    rows = [(AOI, "2018-01", str(n), shapely.box(n, 0, n + 1, 1)) for n in range(5000)]
    write_submission(path, pd.DataFrame(rows, columns=["aoi", "time", "id", "geometry"]))

def text(path):
    from sn7ml.core.runtime.files import write_text
    write_text(path, "x" * 200_000)

def weights(path):
    import torch
    from sn7ml.learn.package import Package, save_package
    from tests.learn.toy import OUTPUT, RECIPE
    save_package(path.parent, Package(RECIPE, *OUTPUT, 1, ({"a": torch.zeros(100_000)},)))

def table(path):
    from sn7ml.core.runtime.files import replacing
    with replacing(path) as temporary:
        pd.DataFrame({"a": np.random.default_rng(0).random(100_000)}).to_parquet(temporary)

path = Path(sys.argv[2])
job = globals()[sys.argv[1]]
if job is weights:
    import torch, sn7ml.learn
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    job(path)
except (Sn7Error, OSError) as error:
    print(f"{type(error).__name__}: {error}")
else:
    print("written")
"""

JOBS = {
    "raster": "a.tif",
    "small_raster": "b.tif",
    "submission": "a.csv",
    "text": "a.txt",
    "weights": "weights.safetensors",
    "table": "a.parquet",
}


@pytest.mark.parametrize("job", JOBS)
def test_a_file_that_finds_no_room_leaves_the_former_one(job: str, tmp_path: Path) -> None:
    # A limit on the size of files fails as a full disk does: in the middle of writing, with an error of the system.
    path = tmp_path / JOBS[job]
    path.write_text("the former one")
    done = subprocess.run(
        [sys.executable, "-c", WRITE, job, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith("written")
    assert path.name in done.stdout
    assert path.read_text() == "the former one"
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
