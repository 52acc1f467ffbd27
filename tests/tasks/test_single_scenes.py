"""Tasks of single scenes, from rasters of probabilities to the report: every number is worked out on paper.

Of all scenes 2 footprints are found, 2 are false and 2 missed; 260 pixels are right, 90 false and 540 missed.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sn7ml.runs.store import FINAL, open_store
from tests.report.pages.test_run import Page
from tests.runs.conftest import migrated, project  # noqa: F401 - fixtures
from tests.tasks.single_scenes import CLIP_M, FOUND, NOTHING, TRUE, mask_of, run_stages, signed_m, write_project

pytestmark = pytest.mark.usefixtures("serial")

AREA = 4 * 64 * 64
"""Pixels of the four scenes that have labels."""


@pytest.fixture(params=["buildings", "building_distance"])
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def read(root: Path, name: str) -> Any:
    return json.loads((root / "build" / "evaluation" / f"{name}.json").read_text())


def test_scores_beside_those_of_trivial_answers(task: str, project: Path) -> None:  # noqa: F811
    write_project(project, task)
    run_stages(project)
    metrics, trivial = read(project, "metrics"), read(project, "evaluation")["trivial"]
    assert metrics["f1"] == pytest.approx(2 / (2 + (2 + 2) / 2))
    assert metrics["iou"] == pytest.approx(260 / (260 + 90 + 540))
    assert metrics["built_error"] == metrics["outline_error"] == pytest.approx((800 - 350) / 800)
    assert trivial["all building"]["iou"] == pytest.approx(800 / AREA)
    assert trivial["all building"]["built_error"] == pytest.approx((AREA - 800) / 800)
    assert (trivial["nothing found"]["f1"], trivial["nothing found"]["built_error"]) == (0.0, 1.0)
    rows = pd.read_csv(project / "build/evaluation/per_aoi.csv").set_index("aoi")
    assert rows["f1"].to_dict() == pytest.approx({"east": 0.5, "west": 1.0, "far": 0.0, "field": 0.0})
    assert rows["found_px"].to_dict() == {"east": 150, "west": 160, "far": 0, "field": 40}
    ranking = pd.read_csv(project / "build/evaluation/ranking.csv").set_index("aoi")["score"]
    assert ranking["west"] == pytest.approx(1.0 if task == "buildings" else 160 / 200)
    assert read(project, "evaluation")["scored"] == ["east", "far", "west"]  # a field has nothing to find

    shown = pd.read_csv(project / "build/evaluation/scenes.csv").set_index("aoi")["rank"]
    assert shown.to_dict() == {
        "west": "best of 3", "east": "median of 3", "far": "worst of 3", "field": "without a building, the only one",
    }  # fmt: skip
    page = (project / "build/report.html").read_text()
    check_page(page, task)
    client = open_store().client
    (run,) = client.search_runs([open_store().experiments[FINAL]])
    files = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    logged = {found[1] for file in files if (found := re.match(r"images/scene_(\w+?)\+step", file.replace("%", "+")))}
    assert logged == set(TRUE)
    assert run.data.metrics["test_iou"] == pytest.approx(260 / 890)


def check_page(text: str, task: str) -> None:
    page = Page(text)
    assert page.open == []
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    panels = 4 if task == "buildings" else 6
    alts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(alts) == panels * len(TRUE)
    assert "east: buildings found in white, found in error in orange, missed in cyan" in alts
    said = " ".join(page.said().split())
    for words in (
        "F1 0.500", "Of 2 buildings 1 was found; 1 more is none.",  # east
        "Of 1 building 0 were found.",  # far
        "There is no building, but 1 was found.",  # field
    ):  # fmt: skip
        assert words in said
    assert "undated" not in said
    assert "moor" not in said
    assert ("signed distance from" in said) == (task == "building_distance")
    # Scores by group: east and west share a street; 260 of 450 pixels that are or were found, 2 of 3 houses, 100 m².
    cells = re.findall(r"<tr><th scope=\"row\">east</th>(.*?)</tr>", text)
    group = [re.sub(r"<[^>]+>", " ", row).split() for row in cells]
    assert ["2", "0.667", "0.578", "0.225"] in [row[:4] for row in group]
    assert any(row[-2:] == ["100", "78"] for row in group)  # 400 and 310 px of a quarter of a square metre
    (answers,) = [
        table for table in re.findall(r"<table>(.*?)</table>", text, re.DOTALL) if "all building</th>" in table
    ]
    head, *rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in answers.split("<tr>")[1:]]
    shown = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    # 800 of 4 × 64 × 64 pixels are built; the model finds 350, of which 260 are right.
    asked = ("model", "nothing found", "all building")
    assert [shown["IoU"][answer] for answer in asked] == ["0.292", "0.000", "0.049"]
    assert [shown["area error"][answer] for answer in asked] == ["0.562", "1.000", "19.480"]


def test_distances_are_off_by_what_was_drawn_and_what_constants_would_be(project: Path) -> None:  # noqa: F811
    write_project(project, "building_distance")
    run_stages(project)
    rows = pd.read_csv(project / "build/evaluation/per_aoi.csv").set_index("aoi")
    # 40 px of the field, 4 × 5 m with rims at -0.25 m: found distances by pair, all true ones are -16 m
    found = signed_m(mask_of(FOUND["field"]))
    step = CLIP_M / 127
    assert rows.loc["field", "mae_m"] == pytest.approx((found + CLIP_M).mean(), abs=step)
    # nothing is found: the answer is -16 m
    true = signed_m(mask_of(TRUE["far"]))
    assert rows.loc["far", "mae_m"] == pytest.approx((true + CLIP_M).mean(), abs=step)
    every = np.stack([signed_m(mask_of(houses)) for houses in TRUE.values()])
    trivial = read(project, "evaluation")["trivial"]
    assert trivial["nothing found"]["mae_m"] == pytest.approx((every + CLIP_M).mean(), abs=step)
    assert trivial["all building"]["mae_m"] == pytest.approx((CLIP_M - every).mean(), abs=step)
    total = rows["mae_m"].mean()  # all are of one size
    assert read(project, "metrics")["mae_m"] == pytest.approx(total)


def test_where_nothing_is_found_the_page_says_so(task: str, project: Path) -> None:  # noqa: F811
    write_project(project, task, NOTHING)
    run_stages(project)
    metrics = read(project, "metrics")
    assert (metrics["f1"], metrics["iou"], metrics["built_error"]) == (0.0, 0.0, 1.0)
    page = Page((project / "build/report.html").read_text())
    assert page.open == []
    said = " ".join(page.said().split())
    assert "Of 2 buildings 0 were found." in said
    assert "There is no building, and none was found." in said
