"""Write one of every kind of file that must come out the same each time: ``python -m tests.every_file OUT``."""

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

from benchmarks.births_picture import births_figure, cases_figure
from benchmarks.peaks_picture import parting_figure
from sn7ml.core.runtime.files import write_text
from sn7ml.outputs.exports import write_geojson
from sn7ml.outputs.footprints import write_footprints
from sn7ml.outputs.probabilities import write_probabilities
from sn7ml.outputs.submission import write_submission
from sn7ml.outputs.tracks import track_buildings
from sn7ml.params import RimsParams
from sn7ml.report.charts.diagnosis_panels import draw_diagnosis
from sn7ml.report.maps.drawing import png
from sn7ml.report.maps.tracks import birth_map, month_map, prediction_map
from sn7ml.report.pages.comparison import render_comparison
from sn7ml.report.pages.diagnosis import render_diagnosis
from sn7ml.report.pages.run import render_page
from sn7ml.report.pages.validation import write_validation
from tests.benchmarks.test_births_picture import BIRTHS, FOUND, LEVELS, MIN_PROBABILITY, MONTHS, TRUE, case
from tests.benchmarks.test_peaks_picture import EVIDENCE, WAY
from tests.outputs.conftest import some_tracks
from tests.outputs.test_exports import FRAMES_OF_ALL, GRIDS
from tests.outputs.test_probabilities import GRID, probabilities
from tests.outputs.tracking.drawings import track_params
from tests.outputs.tracking.test_track import METHODS, town
from tests.report.drawn import AOI, full, tracks
from tests.report.maps.test_prediction import pixels
from tests.report.pages.test_comparison import PAGES
from tests.report.pages.test_diagnosis import TABLES
from tests.report.pages.test_run import PNG
from tests.report.pages.test_validation import offender, report, result


def write_pictures(out: Path) -> None:
    """Write what matplotlib draws."""
    out.mkdir()
    drawn = {
        "births": birth_map(tracks()),
        "prediction": prediction_map(tracks(), pixels(), sorted(set(tracks()["time"])), "2018-03"),
        "diagnosis": draw_diagnosis(*TABLES),
        "tracking_series": png(cases_figure([case(3, alone=True)], MONTHS, LEVELS, MIN_PROBABILITY)),
        "tracking_births": png(births_figure(TRUE, FOUND, MONTHS, BIRTHS)),
        "tracking_peaks": png(parting_figure(EVIDENCE, [], [WAY], 2)),
    }
    for name, content in drawn.items():
        (out / f"{name}.png").write_bytes(content)


def write_pages(out: Path) -> None:
    """Write every page, with plotly's charts in them."""
    run = replace(full(PNG), maps=((AOI, month_map(tracks())),))
    write_text(out / "run.html", render_page(run))
    write_text(out / "comparison.html", render_comparison(PAGES["three"]))
    write_text(out / "diagnosis.html", render_diagnosis(*TABLES))
    write_validation(out / "validation", report(result("a", offender(), severity="critical"), result("b")), {})


def write_outputs(out: Path) -> None:
    """Write what the pipeline hands to users."""
    found = some_tracks()
    write_footprints(out / "footprints", found, GRIDS)
    write_geojson(out / "geojson", found, FRAMES_OF_ALL, GRIDS)
    write_submission(out / "submission.csv", found)
    write_probabilities(out / "2018-01.tif", probabilities(3), RimsParams.channels, GRID, 3)
    cube, _ = town({3})
    followed = {method: track_buildings(cube, 3, track_params(method)) for method in METHODS}
    pd.concat(followed).to_csv(out / "tracks.csv")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir()
    write_pictures(folder / "pictures")
    write_pages(folder / "pages")
    write_outputs(folder / "outputs")
