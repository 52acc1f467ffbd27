"""Facts that are shown whether or not an expectation judges them: least and most of each, by AOI."""

from collections.abc import Mapping

import pandas as pd

from sn7ml.validation.report import Measured, Span

SHOWN: Mapping[str, Mapping[str, str]] = {
    "frames": {
        "usable_fraction": "usable share", "usable_km2": "usable km²",
        "ground_px_m": "pixel, m", "noon_sun_deg": "noon sun, °",
        "brightness_red": "brightness: red", "brightness_green": "green", "brightness_blue": "blue",
        "contrast_red": "contrast: red", "contrast_green": "green", "contrast_blue": "blue",
        "sharpness_ratio": "sharpness", "shift_px": "shift, px", "similarity": "likeness",
        "gap_months": "months missing before",
    },
    "labels": {
        "n": "buildings", "density_per_mpx": "per million px",
        "n_features": "rows", "n_null": "null", "n_empty": "EMPTY",
        "n_negative_ids": "negative ids", "n_z": "with heights", "n_holes": "with holes",
        "area_p05_px2": "area, px²: 5 %", "area_p50_px2": "50 %", "area_p95_px2": "95 %", "max_area_px2": "largest",
        "n_overlaps": "on one another",        "n_hidden": "on unusable ground", "outside_px": "out of the image, px",
    },
    "identity": {
        "n_ids": "ids", "births": "births", "deaths": "deaths", "returns": "returns", "n_covered": "under cloud",
        "n_changed": "other outline", "mean_iou": "mean IoU with own first", "label_shift_px": "shift, px",
    },
    "images": {
        "usable_fraction": "usable share", "border_fraction": "border without data", "black_fraction": "black share",
        "pixel_height_m": "pixel, m: north to south", "pixel_width_m": "west to east",
        "variation": "deviation over mean",
    },
    "outlines": {
        "n": "buildings", "density_per_mpx": "per million px", "area_p05_px2": "area, px²: 5 %", "area_p50_px2": "50 %",
        "area_p95_px2": "95 %", "max_area_px2": "largest", "n_overlaps": "on one another",
        "n_hidden": "on unusable ground",
    },
    "classes": {
        "n_colours": "colours", "n_classes": "classes", "unknown_fraction": "without a class",
        "foreign_fraction": "in the commonest colour that is no class", "largest_fraction": "of the commonest class",
    },
    "class_counts": {
        "n_classes": "classes", "unknown_fraction": "without a class", "largest_fraction": "of the commonest class",
    },
    "stretch": {
        "brightness": "brightness", "contrast": "contrast", "black_clipped": "cut to black",
        "white_clipped": "to white",
    },
    "tiles": {
        "n_tiles": "tiles", "unknown_fraction": "unknown share of the mask", "built_fraction": "built share of tiles",
        "mask_px2": "area of the mask, px²", "polygon_px2": "of the polygons", "mask_error": "differ by",
    },
    "regions": {"n_tiles": "tiles", "n_built_tiles": "with buildings", "gap_px": "gap, px"},
    "tracks": {"n": "footprints", "n_ids": "buildings", "n_gaps": "with gaps"},
    "counts": {
        "n": "footprints", "density_per_mpx": "per million px",
        "training_low": "learned from: least", "training_high": "most",
        "area_p50_px2": "median px²", "training_p50_px2": "learned from",
    },
}  # fmt: skip
"""Suite → columns, in words."""


def measure(tables: Mapping[str, pd.DataFrame]) -> dict[str, Measured]:
    """Return suite → least and most of its facts, by AOI; suites without columns or rows to show are left out."""

    def span(low: float, high: float) -> Span | None:
        return None if pd.isna(low) else (round(float(low), 4), round(float(high), 4))

    measured = {}
    for suite, table in tables.items():
        if suite in SHOWN and len(table):
            groups = table.groupby("aoi", sort=True)[list(SHOWN[suite])]
            least, most = groups.min(), groups.max()
            spans = {str(aoi): tuple(map(span, least.loc[aoi], most.loc[aoi])) for aoi in least.index}
            measured[suite] = Measured(SHOWN[suite], spans)
    return measured
