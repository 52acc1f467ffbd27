"""Every reader of the project with a good file for it, so that each can be given the same bad ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from shapely.geometry import box

from sn7ml.core.errors import CatalogError, LabelError, ModelError, ParamsError, RasterError, Sn7Error, TableError
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.core.schemas import TRACKS
from sn7ml.outputs.footprints import read_footprints, write_footprints
from sn7ml.outputs.prediction_folder import RECORD, Job, read_job, write_job
from sn7ml.outputs.probabilities import ProbabilityCube, write_probabilities
from sn7ml.outputs.submission import read_submission
from sn7ml.package_files import CONFIG, USAGE, read_config, read_usage
from sn7ml.params import RimsParams, Usage, load_output, load_params, load_recipe, recipe_of
from sn7ml.scenes.images import read_grid, read_image, read_mask
from sn7ml.scenes.label_folder import read_label_folder
from sn7ml.scenes.labels import buildings_of, read_geojson
from sn7ml.validation.drift import make_profile, read_profile
from tests.outputs.submissions import FEB, HEADER, JAN, SQUARE
from tests.sn7_folder import AOI, HOUSES, SHAPE, addressed, grid_of, stem, write_image, write_labels

ROOT = Path(__file__).resolve().parents[2]
GRID = grid_of(AOI)
SMALL = grid_of(AOI, (7, 9))
LABELS = f"{stem(AOI, '2018-01')}_Buildings.geojson"


@dataclass(frozen=True)
class Reader:
    """A reader, what it reads, and what it raises."""

    file: str
    """Name of the file that is spoilt."""

    write: Callable[[Path], None]
    """Writes a good one, and what must lie beside it."""

    read: Callable[[Path], object]
    error: type[Sn7Error]


def write_frame(path: Path) -> None:
    write_image(path, addressed(SHAPE, 3), GRID)


def write_mask(path: Path) -> None:
    write_image(path, addressed(SHAPE)[:1], GRID)


def write_houses(path: Path) -> None:
    write_labels(path, HOUSES)


def write_csv(path: Path) -> None:
    path.write_text(f'{HEADER}{JAN},1,{SQUARE}\n{JAN},2,"POLYGON EMPTY"\n{FEB},1,{SQUARE}\n')


def write_params(path: Path) -> None:
    path.write_text((ROOT / "params.yaml").read_text())


def write_recipe(path: Path) -> None:
    path.write_text(yaml.safe_dump({"recipe": recipe_of(load_params(ROOT / "params.yaml")).model_dump(mode="json")}))


def write_track(path: Path) -> None:
    path.write_text(yaml.safe_dump({"output": load_params(ROOT / "params.yaml").output.model_dump(mode="json")}))


def write_config(path: Path) -> None:
    recipe = recipe_of(load_params(ROOT / "params.yaml")).model_dump(mode="json")
    path.write_text(yaml.safe_dump({"recipe": recipe, "upsampling": 3}))


def write_usage(path: Path) -> None:
    params = load_params(ROOT / "params.yaml")
    path.write_text(yaml.safe_dump(Usage(predict=params.predict, output=params.output).model_dump(mode="json")))


def write_month(path: Path) -> None:
    probabilities = Probabilities(np.full((3, 14, 18), 7, np.uint8), np.ones((14, 18), np.bool_))
    write_probabilities(path, probabilities, RimsParams.channels, SMALL, 2)


def write_found(path: Path) -> None:
    tracks = TRACKS.check(
        pd.DataFrame(
            {
                "aoi": [AOI], "time": ["2018-01"], "id": ["1"], "birth_month": ["2018-01"], "birth_probability": [0.5],
                "confidence": [0.9], "geometry": [box(1, 1, 4, 4)],
            }
        )
    )  # fmt: skip
    write_footprints(path.parent, tracks, {AOI: GRID})


def write_looks(path: Path) -> None:
    facts = pd.DataFrame({"aoi": [AOI], "time": ["2018-01"], "fault": [""], "brightness_red": [90.0]})
    path.write_text(make_profile(facts).model_dump_json())


def write_prediction(path: Path) -> None:
    params = load_params(ROOT / "params.yaml")
    job = Job({"resolved": "toy", "digest": "0"}, Usage(predict=params.predict, output=params.output), {}, {})
    write_job(path.parent, job, None)


READERS = {
    "frame": Reader("a.tif", write_frame, read_image, RasterError),
    "grid": Reader("a.tif", write_frame, read_grid, RasterError),
    "mask": Reader("a_UDM.tif", write_mask, read_mask, RasterError),
    "probabilities": Reader(
        "2018-01.tif", write_month, lambda path: ProbabilityCube(path.parent, SMALL)["2018-01"], RasterError
    ),
    "labels": Reader(
        LABELS, write_houses, lambda path: buildings_of(read_geojson(path, in_pixels=True), GRID), LabelError
    ),
    "scored labels": Reader(LABELS, write_houses, lambda path: read_label_folder(path.parent), LabelError),
    "csv": Reader("a.csv", write_csv, read_submission, LabelError),
    "params": Reader("params.yaml", write_params, load_params, ParamsError),
    "recipe": Reader("best.yaml", write_recipe, load_recipe, ParamsError),
    "track": Reader("best.yaml", write_track, load_output, ParamsError),
    "package": Reader(CONFIG, write_config, lambda path: read_config(path.parent), ModelError),
    "footprints": Reader(
        f"{AOI}.parquet", write_found, lambda path: read_footprints(path.parent, {AOI: GRID}), TableError
    ),
    "looks": Reader("looks.json", write_looks, read_profile, ModelError),
    "prediction": Reader(RECORD, write_prediction, lambda path: read_job(path.parent), CatalogError),
    "usage": Reader(USAGE, write_usage, lambda path: read_usage(path.parent), ModelError),
}
