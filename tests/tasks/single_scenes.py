"""A tiny project of single scenes whose every count can be worked out on paper; nothing is trained.

Four labelled scenes of 64 × 64 pixels of half a metre, and one without labels:

* ``east``, in the street of ``west``: two houses of 100 px; one is found, the other is not, and 50 px are false
* ``west``: a house of 200 px, of which 160 are found (IoU .8)
* ``far``: a house of 400 px; nothing is found
* ``field``: no house; 40 px are false
* ``moor``: no labels
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import yaml
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import Polygon, box, mapping

from pipelines import evaluate, report
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.flow.data import cut_tiles, ingest
from sn7ml.flow.evaluate import extract_aois
from sn7ml.outputs.probabilities import write_probabilities
from sn7ml.package_files import CONFIG, HISTORY, WEIGHTS
from sn7ml.params import Params, load_params, recipe_of
from sn7ml.targets import target_of
from sn7ml.tasks import task_of

ROOT = Path(__file__).resolve().parents[2]
SIDE, PIXEL_M, CLIP_M = 64, 0.5, 16.0

Boxes = Mapping[str, list[Polygon]]

WHERE = {"east": (0, 0), "west": (-SIDE * PIXEL_M, 0), "far": (2_000, 0), "field": (4_000, 0), "moor": (6_000, 0)}
"""Metres east and north of the first scene."""

TRUE: Boxes = {
    "east": [box(5, 5, 15, 15), box(30, 30, 40, 40)], "west": [box(20, 20, 30, 40)], "far": [box(10, 10, 30, 30)],
    "field": [],
}  # fmt: skip
FOUND: Boxes = {
    "east": [box(5, 5, 15, 15), box(50, 50, 55, 60)], "west": [box(20, 20, 30, 36)], "far": [],
    "field": [box(20, 20, 28, 25)],
}  # fmt: skip
NOTHING: Boxes = {aoi: [] for aoi in TRUE}

CHANGES: dict[str, Any] = {
    "data": {"layout": "pairs"},
    "split": {"validation_fraction": 0.3, "test_fraction": 0.3},
    "tiling": {"size_px": 32, "overlap_px": 0, "upsampling": 1},
    "search": {"trials": 0, "objective": "f1", "space": []},
    "tune": {"trials": 0, "space": []},
    "output": {
        "buildings": {
            "instances": {
                "seed_threshold": 0.5, "flood_threshold": 0.5, "boundary_weight": 0.0, "contact_weight": 0.0,
                "min_area_px2": 4.0, "simplify_px": 0.0,
            }
        }
    },
    "evaluate": {"iou_thresholds": [0.5]},
    "report": {"aois": 3},
    "promote": {"objective": "f1", "floors": {}, "max_loss": {}},
}  # fmt: skip
OF_TASK: dict[str, dict[str, Any]] = {
    "buildings": {"target": {"kind": "footprint"}, "loss": {"channels": {"footprint": 1.0}}},
    "building_distance": {
        "target": {"kind": "distance", "distance": {"clip_m": CLIP_M}},
        "loss": {"bce": 0.0, "dice": 0.0, "smooth_l1": 1.0, "channels": {"distance": 1.0}},
    },
}


def grid_of(aoi: str) -> Grid:
    east, north = WHERE[aoi]
    return Grid(32611, Affine(PIXEL_M, 0, 500_000 + east, 0, -PIXEL_M, 4_000_000 + north), (SIDE, SIDE))


def mask_of(houses: list[Polygon]) -> NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    for left, top, right, bottom in (map(int, house.bounds) for house in houses):
        mask[top:bottom, left:right] = True
    return mask


def signed_m(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The plainest signed distance there is: to the nearest pixel of the other kind, pair by pair."""
    if not mask.any():
        return np.full(mask.shape, -CLIP_M)
    points = np.argwhere(np.ones_like(mask))
    inside, outside = np.argwhere(mask), np.argwhere(~mask)
    away = [
        np.sqrt(((points[:, None] - others[None]) ** 2).sum(-1).min(1)).reshape(mask.shape) * PIXEL_M - PIXEL_M / 2
        for others in (outside, inside)
    ]
    return np.asarray(np.clip(np.where(mask, away[0], -away[1]), -CLIP_M, CLIP_M))


def write_project(root: Path, task: str, found: Boxes = FOUND) -> Params:
    """Write all that the stages evaluate and report read, in ``root``, which is the current folder."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"task": task}
    for changes in (CHANGES, OF_TASK[task]):
        for section, values in changes.items():
            content[section] = values if section == "output" else content[section] | values
    (root / "params.yaml").write_text(yaml.safe_dump(content))
    params = load_params(root / "params.yaml")
    for aoi in WHERE:
        _write_pair(root / "data" / aoi, aoi)
    build = root / "build"
    data = ingest(root / "data", params, build / "scenes")
    tiles = cut_tiles(data, params, build / "tiles")
    # Every labelled scene is scored, so that sums can be worked out on paper.
    tiles.regions.assign(split="test", fold=0).to_parquet(build / "tiles" / "regions.parquet", index=False)
    target, chosen = target_of(params.target), task_of(params)
    for aoi, houses in found.items():
        mask = mask_of(houses)
        values = signed_m(mask) / CLIP_M / 2 + 0.5 if task == "building_distance" else mask
        channel = np.round(values * CERTAIN).astype(np.uint8)
        made = Probabilities(channel[None], np.ones_like(mask))
        path = build / "probabilities" / aoi / "undated.tif"
        write_probabilities(path, made, target.channels, grid_of(aoi), 1, target.unit_m)
    grids = data.scenes.grids_of(sorted(found))
    objects = extract_aois(chosen.output, build / "probabilities", grids, params.output)
    chosen.output.write(build / "outputs", objects, grids)
    _write_other_stages(build, params)
    return params


def run_stages(root: Path) -> None:
    """Run evaluate and report."""
    build = root / "build"
    evaluate.main(
        root / "data", build / "scenes", build / "tiles", build / "model", build / "probabilities",
        build / "tuning" / "best.yaml", build / "outputs", build / "evaluation",
    )  # fmt: skip
    report.main(root / "data", build, build / "report.html")


def _write_pair(place: Path, aoi: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    grid = grid_of(aoi)
    pixels = np.random.default_rng(len(aoi)).integers(1, 255, (3, SIDE, SIDE)).astype(np.uint8)
    options = {"driver": "GTiff", "dtype": "uint8", "count": 3, "crs": "EPSG:32611", "transform": grid.transform}
    with rasterio.open(place.with_suffix(".tif"), "w", height=SIDE, width=SIDE, **options) as target:
        target.write(pixels)
    if aoi in TRUE:
        outlines = [mapping(grid.to_crs(house)) for house in TRUE[aoi]]
        features = [{"type": "Feature", "properties": None, "geometry": outline} for outline in outlines]
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32611"}}
        collection = {"type": "FeatureCollection", "crs": crs, "features": features}
        place.with_suffix(".geojson").write_text(json.dumps(collection))


def _write_other_stages(build: Path, params: Params) -> None:
    """Write what search, train, tune, promote and the validations would."""
    for folder in ("model", "search", "tuning", "validation", "validation_tiles", "validation_outputs"):
        (build / folder).mkdir(parents=True)
    target = target_of(params.target)
    package = {
        "recipe": recipe_of(params).model_dump(mode="json"), "upsampling": 1, "channels": list(target.channels),
        "activation": target.activation,
    }  # fmt: skip
    if target.unit_m:
        package["unit_m"] = target.unit_m
    (build / "model" / CONFIG).write_text(yaml.safe_dump(package))
    (build / "model" / WEIGHTS).write_bytes(b"weights")
    history = {"network": [1], "epoch": [1], "train_loss": [1.0], "val_loss": [1.0], "val_score": [0.5], "lr": [0.1]}
    pd.DataFrame(history).to_csv(build / "model" / HISTORY, index=False)
    pd.DataFrame(columns=["number", "state", "value"]).to_csv(build / "search" / "trials.csv", index=False)
    (build / "tuning" / "best.yaml").write_text(yaml.safe_dump({"output": params.output.model_dump(mode="json")}))
    for folder in ("validation", "validation_tiles", "validation_outputs"):
        (build / folder / "validation.json").write_text(json.dumps({"ok": True, "summary": "fine", "results": []}))
    (build / "promotion.json").write_text(json.dumps({"promoted": False, "reasons": [], "champion": None}))
