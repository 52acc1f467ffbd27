"""A second, tiny task goes through the whole pipeline: its own target, output, score, and a case in each ``match``.

Its files are written into a copy of the project. What else would have to change for it would show here.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipelines.project import Project, environment, make_project

pytestmark = pytest.mark.slow

TARGET = '''
"""One sigmoid: roofs."""

from functools import partial

from sn7ml.core.geo.burn import burn_ids
from sn7ml.params import RoofParams
from sn7ml.targets.bits import bit_target, packed


def draw(labels, unknown, upsampling, grid):
    ids = burn_ids(list(labels.outlines), unknown.shape, upsampling)
    return packed([ids > 0], unknown.repeat(upsampling, axis=0).repeat(upsampling, axis=1))


def roof(params):
    return bit_target("roof", RoofParams.channels, draw)
'''

OUTPUT = '''
"""The squares of whole pixels that are more likely roof than not, frame by frame."""

import numpy as np
import pandas as pd
from shapely.geometry import box

from sn7ml.core.schemas import POLYGONS
from sn7ml.outputs.tracks import said, sums
from sn7ml.outputs.footprints import read_outlines, write_footprints
from sn7ml.outputs.output import Output


def prepare(cube, upsampling):
    def extract(params):
        rows = []
        for time, found in cube.items():
            sure = found.channels[0][::upsampling, ::upsampling] >= 255 * params.roofs.threshold
            rows += [(time, f"{row}-{col}", box(col, row, col + 1, row + 1)) for row, col in zip(*np.nonzero(sure))]
        empty = POLYGONS.empty()[["time", "id", "geometry"]]
        return pd.DataFrame(rows, columns=list(empty)).astype(empty.dtypes.to_dict())

    return extract


ROOFS_OUTPUT = Output("roofs", POLYGONS, ("roof",), prepare, write_footprints, read_outlines, read_outlines, said, sums)
'''

TASK = '''
"""Roofs in single frames."""

import pandas as pd

from sn7ml.metrics.score import Evaluation, Score
from sn7ml.outputs.roofs import ROOFS_OUTPUT
from sn7ml.tasks.task import Task
from sn7ml.targets.pixels import PixelCounts


def evaluate(truth, found, pixels, params):
    rows = [{"aoi": aoi, "iou": counts.iou} for aoi, counts in pixels.items()]
    total = sum(pixels.values(), PixelCounts())
    share = (total.tp + total.fn) / (total.tp + total.fp + total.fn + total.tn)
    trivial = {"all roof": {"iou": share}}
    return Evaluation({"iou": total.iou}, pd.DataFrame(rows), tuple(pixels), trivial, {}, {})


def tune_score(truth, found, objective):
    return {"iou": -abs(len(found) - len(truth))}


IOU = Score("iou", "IoU", "pixels")
ROOFS = Task("roofs", "Roofs", "Finds roofs.", (), (), (IOU,), ROOFS_OUTPUT, evaluate, ("iou",), tune_score)
'''

PARAMS = '''

class RoofParams(Section):
    """Roofs."""

    channels: ClassVar[tuple[str, ...]] = ("roof",)
    losses: ClassVar[tuple[str, ...]] = BINARY_LOSSES


class TargetParams(Section):
    """What the network learns."""

    kind: Literal["rims", "roof"]
    roof: RoofParams
'''

OUTPUT_PARAMS = '''

class RoofsParams(Section):
    """Roofs."""

    threshold: float


class OutputParams(Section):
    """What is made of probabilities."""

    roofs: RoofsParams
'''

BUILDINGS, ROOFS = (f'        case "{task}":\n            return ' for task in ("buildings_through_time", "roofs"))

CASES: dict[str, list[tuple[str, str]]] = {
    "sn7ml/params/whole.py": [('Literal["buildings_through_time", ', 'Literal["roofs", "buildings_through_time", ')],
    "sn7ml/params/__init__.py": [
        ("    RimsParams,\n", "    RimsParams,\n    RoofParams,\n"),
        ('"RimsParams",', '"RimsParams", "RoofParams",'),
    ],
    "sn7ml/targets/__init__.py": [
        ("    match params.kind:\n", '    match params.kind:\n        case "roof":\n            return roof(params)\n'),
        ("from sn7ml.targets.rims", "from sn7ml.targets.roof import roof\nfrom sn7ml.targets.rims"),
    ],
    "sn7ml/tasks/__init__.py": [
        ("    match name:\n", '    match name:\n        case "roofs":\n            return ROOFS\n'),
        ("from sn7ml.tasks.task", "from sn7ml.tasks.roofs import ROOFS\nfrom sn7ml.tasks.task"),
    ],
    "sn7ml/validation/run.py": [
        (
            "    match params.task:\n",
            '    match params.task:\n        case "roofs":\n'
            "            return judge_tables({}, {}), pd.DataFrame(columns=list(POLYGONS.columns))\n",
        ),
        ("import pandas as pd\n", "import pandas as pd\n\nfrom sn7ml.core.schemas import POLYGONS\n"),
    ],
    "sn7ml/report/pages/by_task.py": [
        (f"{BUILDINGS}{{", f"{ROOFS}{{}}\n{BUILDINGS}{{"),
        (f"{BUILDINGS}[]", f"{ROOFS}[]\n{BUILDINGS}[]"),
        (f"{BUILDINGS}track_maps", f"{ROOFS}[]\n{BUILDINGS}track_maps"),
    ],
}  # fmt: skip
"""Where a task, a target or a page of one task is chosen: one case each."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("second") / "project")
    root = made.root
    for name, content in {"targets/roof": TARGET, "outputs/roofs": OUTPUT, "tasks/roofs": TASK}.items():
        (root / f"sn7ml/{name}.py").write_text(content)
    for name, added in {"data": PARAMS, "outcome": OUTPUT_PARAMS}.items():
        with (root / f"sn7ml/params/{name}.py").open("a") as file:
            file.write(added)
    for path, cases in CASES.items():
        text = (root / path).read_text()
        for old, new in cases:
            assert text.count(old) == 1, f"{path}: {old}"
            text = text.replace(old, new)
        (root / path).write_text(text)
    params: dict[str, Any] = yaml.safe_load((root / "params.yaml").read_text())
    params |= {"task": "roofs", "target": {"kind": "roof", "roof": {}}, "output": {"roofs": {"threshold": 0.5}}}
    params["loss"]["channels"] = {"roof": 1.0}
    params["search"] |= {"objective": "iou", "space": [{"param": "loss.focal", "values": [0.0, 1.0]}]}
    params["tune"] |= {"space": [{"param": "roofs.threshold", "low": 0.2, "high": 0.8}]}
    params["promote"] |= {
        "model_name": "roofs", "objective": "iou", "min_score": 0.0, "floors": {}, "max_loss": {}
    }  # fmt: skip
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    made.dvc("repro")
    return made


def test_it_is_scored_by_its_own_score_beside_its_own_trivial_answer(project: Project) -> None:
    evaluation = project.root / "build/evaluation"
    assert list(json.loads((evaluation / "metrics.json").read_text())) == ["iou"]
    trivial = json.loads((evaluation / "evaluation.json").read_text())["trivial"]
    assert 0 < trivial["all roof"]["iou"] < 0.5
    assert sorted(path.name for path in evaluation.iterdir()) == [
        "evaluation.json", "metrics.json", "per_aoi.csv", "ranking.csv",
    ]  # fmt: skip


def test_its_model_becomes_champion_under_its_own_name(project: Project) -> None:
    decision = json.loads((project.root / "build/promotion.json").read_text())
    assert decision["promoted"]
    command = [str(Path(sys.executable).with_name("sn7ml")), "models"]
    environ = environment() | {"PYTHONPATH": str(project.root)}
    done = subprocess.run(command, cwd=project.root, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "roofs" in done.stdout
    assert "champion" in done.stdout
    assert "IoU" in done.stdout
    assert "SCOT" not in done.stdout


def test_the_report_names_it_and_none_of_the_other_tasks_scores(project: Project) -> None:
    page = (project.root / "build/report.html").read_text()
    assert "Roofs" in page
    assert "SCOT" not in page


def test_its_networks_have_one_channel(project: Project) -> None:
    package = yaml.safe_load((project.root / "build/model/package.yaml").read_text())
    assert package["channels"] == ["roof"]
