"""The registered model loads with nothing of ours around it, unpickles nothing, and answers a server's request."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import grimp
import numpy as np
import pytest
import torch
from mlflow.exceptions import MlflowException

from sn7ml.core.errors import ParamsError
from sn7ml.learn.models import build_model
from sn7ml.learn.package import Package, save_package
from sn7ml.learn.predict import load_predictor
from sn7ml.package_files import write_usage
from sn7ml.params import ModelImages, ModelParams, PartStretch, Usage, load_params
from sn7ml.registry.versions import REQUIREMENTS, save_pyfunc
from tests.learn.toy import OUTPUT, RECIPE, picture_of, squares, windows

if TYPE_CHECKING:  # sn7ml.registry.versions is the one that may import it first
    from mlflow.pyfunc import PyFuncModel

ROOT = Path(__file__).resolve().parents[2]
SMALL = RECIPE.model_copy(
    update={"model": ModelParams(architecture="FPN", encoder="tu-mobilenetv3_small_050", weights=None)}
)
IMAGE = picture_of((40, 50), squares((40, 50)))

LOADS = """
import sys
def watch(event, details):
    if event == "pickle.find_class":
        raise RuntimeError(f"unpickles {details}")
sys.addaudithook(watch)
import mlflow.pyfunc, numpy as np
model = mlflow.pyfunc.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2])))
print(sys.modules["sn7ml"].__file__)
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("package")
    save_package(folder, Package(SMALL, *OUTPUT, 3, (build_model(SMALL.model, 3).state_dict(),)))
    write_usage(folder, Usage(predict=windows(), output=load_params(ROOT / "params.yaml").output))
    return folder


@pytest.fixture(scope="module")
def saved(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pyfunc(package, tmp_path_factory.mktemp("saved"))


@pytest.fixture
def model(saved: Path, monkeypatch: pytest.MonkeyPatch) -> "PyFuncModel":
    from mlflow.pyfunc import load_model

    monkeypatch.setattr(sys, "path", list(sys.path))  # MLflow puts the model's code there
    return load_model(str(saved))


def expected(package: Path) -> np.ndarray:
    usage = windows()
    return load_predictor(package, usage).predict_image(IMAGE).channels / np.float32(255)


def test_it_answers_as_prediction_does_with_the_windows_it_was_scored_with(model: "PyFuncModel", package: Path) -> None:
    found = np.asarray(model.predict(np.stack([IMAGE, IMAGE[:, :, ::-1]])))
    assert found.shape == (2, 3, 120, 150)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], expected(package), atol=1e-6)
    assert not np.array_equal(found[0], found[1])


def test_elsewhere_it_runs_its_own_code_and_unpickles_nothing(saved: Path, package: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", IMAGE[None])
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "DVC_ROOT")}
    command = [sys.executable, "-c", LOADS, str(saved), "images.npy", "found.npy"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.split()[-1]).is_relative_to(saved)
    # One step of a byte: another process may add up on another number of threads, and then round another way.
    np.testing.assert_allclose(np.load(tmp_path / "found.npy")[0], expected(package), atol=1.01 / 255)


def test_its_requirements_name_every_library_that_its_code_imports() -> None:
    """Else it would not load where only those are installed. Dask is optional, and never asked for there."""
    graph = grimp.build_graph("sn7ml", include_external_packages=True, cache_dir=None)
    reached = {name.partition(".")[0] for name in graph.find_upstream_modules("sn7ml.registry.serving")}
    outside = reached - {"sn7ml", "distributed"} - sys.stdlib_module_names
    assert {"torch", "yaml", "segmentation_models_pytorch"} <= outside
    known = {re.sub("[-_.]+", "-", name).lower() for name in REQUIREMENTS}
    projects = {name: packages_distributions()[name] for name in outside}
    assert not [
        name for name, found in projects.items() if known.isdisjoint(re.sub("[-_.]+", "-", p).lower() for p in found)
    ]


def test_no_file_of_it_is_a_pickle(saved: Path) -> None:
    files = [path for path in saved.rglob("*") if path.is_file()]
    assert any(path.name == "weights.safetensors" for path in files)
    for path in files:
        assert path.suffix not in {".pkl", ".pickle", ".pt", ".pth", ".joblib"}
        assert path.read_bytes()[:1] != b"\x80"  # every pickle since protocol 2 begins so


def test_a_servers_request_is_answered(model: "PyFuncModel", package: Path) -> None:
    from mlflow.pyfunc.scoring_server import invocations

    request = json.dumps({"inputs": IMAGE[None].tolist()})
    answer = invocations(request, "application/json", model, model.metadata.get_input_schema())  # type: ignore[no-untyped-call]
    assert answer.status == 200, answer.response
    found = np.array(json.loads(answer.response)["predictions"])
    np.testing.assert_allclose(found[0], expected(package), atol=1e-6)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGE, "Shape of input"),
        (IMAGE[None, :3], "Shape of input"),
        (IMAGE[None].astype(np.float64), "does not match expected dtype uint8"),
    ],
    ids=["no batch", "three bands", "not bytes"],
)
def test_what_is_no_batch_of_images_is_refused_by_the_signature(
    model: "PyFuncModel", images: np.ndarray, words: str
) -> None:
    with pytest.raises(MlflowException, match=words):
        model.predict(images)


def test_a_model_of_stretched_distances_takes_brightness_as_it_is_and_answers_in_metres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.pyfunc import load_model

    torch.manual_seed(1)
    vegas, dark = (PartStretch(low=(0.0,) * 3, high=(high,) * 3) for high in (2000.0, 9.0))
    images = ModelImages(stretch={"Vegas": vegas, "Dark": dark}, pixel_height_m=(0.3, 0.3), pixel_width_m=(0.3, 0.3))
    weights = build_model(SMALL.model, 1).state_dict()
    package = tmp_path / "made"
    save_package(package, Package(SMALL, ("distance",), "distance", 1, (weights,), images=images, unit_m=16.0))
    usage = Usage(predict=windows(), output=load_params(ROOT / "params.yaml").output)
    write_usage(package, usage)
    monkeypatch.setattr(sys, "path", list(sys.path))
    model = load_model(str(save_pyfunc(package, tmp_path)))

    bright = IMAGE.astype(np.float32) * 40  # up to 7,800: white beyond 2,000, and never dark again
    bright[3] = IMAGE[3]
    found = np.asarray(model.predict(bright[None], params={"stretch": "Vegas"}))
    share = (bright[:3] / 2000).clip(0, 1)
    seen = (IMAGE[3] > 0).astype(np.uint8)
    pixels = np.concatenate([np.rint(1 + share * 254).astype(np.uint8) * seen, seen[None] * np.uint8(255)])
    there = load_predictor(package, usage.predict).predict_image(pixels).channels / 255.0
    np.testing.assert_allclose(found[0], (2 * there - 1) * 16, atol=1e-4)
    with pytest.raises(ParamsError, match="Dark"):
        model.predict(bright[None])
