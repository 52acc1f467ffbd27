"""What must be true of single scenes and of stitched map tiles, and of their outlines."""

from sn7ml.params import ValidationParams
from sn7ml.scenes.raw_images import TYPES
from sn7ml.validation.check import (
    Check,
    at_least,
    at_most,
    between,
    critical,
    none,
    one_of,
    rows_exist,
    same,
    true,
    warning,
)  # fmt: skip

MOST_ELSEWHERE = 0.5
"""Share of a file's outlines that may lie on none of its images; more are labels of another place."""

LEAST_VARIATION = 0.02
"""Deviation over mean of an image in which something can be seen."""

MOST_RATIO = 1.5
"""Of pixel sizes of one set: a zoom is a factor of 2."""


def image_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``IMAGE_FACTS``."""
    low, high = params.sides_px
    return (
        critical("there are images", rows_exist(),
            "An empty table would let every other expectation pass.",
            "Check the data folder and data.layout."),
        critical("every label file has an image", true("has_image"),
            "Labels without their image are lost in silence; perhaps the image is called otherwise.",
            "Add or rename the image, or remove the label file."),
        critical("images can be read to the end", true("readable"),
            "A damaged file, other bands, or map tiles of mixed sizes would stop the stage ingest.",
            "Fetch the file again, or write it in red, green, blue and perhaps alpha.", detail="fault"),
        critical(f"pixels are of type {', '.join(TYPES)}", one_of("dtype", *TYPES),
            "Other types have no place in the stretch to bytes.",
            "Convert the image."),
        critical("images of one folder have one type of pixel", same("dtype", "usual_dtype"),
            "They share a stretch: bytes among images of 16 bits would make all of those white, or these black.",
            "Give all images of a city or sensor as they were delivered, or in a folder of their own.",
            detail="usual_dtype"),
        *(critical(f"images have {low} to {high} {side}", between(side, low, high),
            "A size far from the others means a wrong file.",
            "Replace the file, or widen validation.sides_px if such images are wanted.") for side in ("rows", "cols")),
        warning("images have labels", true("has_labels"),
            "An image without labels neither trains nor scores. One without buildings is labelled: its file is empty.",
            "Add the label file, or accept that the image is only predicted."),
        warning(f"at least {params.min_usable_fraction:g} of an image is usable",
            at_least("usable_fraction", params.min_usable_fraction),
            "Nothing can be learned or found where an image is black, clear or without data.",
            "Look at the image; leave it out if it is empty."),
        warning(f"at most {params.max_black_fraction:g} of an image is a border without data",
            at_most("border_fraction", params.max_black_fraction),
            "Such a border is taken as unusable. If it is ground that is really black, it is lost.",
            "Nothing to do if the image is rotated or cut; else check its nodata value."),
        warning(f"at most {params.max_black_fraction:g} of the usable pixels are black",
            at_most("black_fraction", params.max_black_fraction),
            "Ground that was blanked without alpha or nodata is learned as ground without buildings.",
            "Set alpha to 0 there, or declare 0 as nodata."),
        warning(f"brightness deviates by at least {LEAST_VARIATION:g} of its mean",
            at_least("variation", LEAST_VARIATION),
            "An even picture shows no buildings, whatever its labels say: fog, water, or a failed export.",
            "Look at the image; leave it out if nothing can be seen."),
        warning("no two images hold the same pixels", one_of("duplicate_of", ""),
            "The same ground can be both trained on and scored.",
            "Remove one of them.", detail="duplicate_of"),
        warning(f"pixels are as large as those of other images, within a factor of {MOST_RATIO:g}",
            between("pixel_ratio", 1 / MOST_RATIO, MOST_RATIO),
            "A network knows houses by their size in pixels: at another scale it finds little.",
            "Resample the image (gdalwarp -tr), or train on one scale.", detail="pixel_height_m"),
        warning("a folder holds tiles of one zoom", at_most("n_zooms", 1),
            "Zooms are a pyramid over the same ground. Only data.zoom is used; the others are left alone.",
            "Nothing to do if data.zoom is the one you want.", detail="zooms"),
        warning("a stitched place has no holes", none("missing_tiles"),
            "A missing tile is unusable ground: distances and windows end there.",
            "Fetch the tiles that are missing, if they exist.", detail="tiles"),
        warning("no map tile is black or clear all over", none("black_tiles"),
            "Servers send such tiles where they have no image; they are taken as unusable.",
            "Fetch the tiles again, or leave them out.", detail="tiles"),
    )  # fmt: skip


def outline_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``OUTLINE_FACTS``."""
    return (
        critical("there are labels", rows_exist(),
            "Without labels nothing can be trained or scored.",
            "Add label files as data.layout has them."),
        critical("label files can be read", true("readable"),
            "A file that is damaged or declares a CRS that nobody knows would stop a later stage.",
            "Fetch the file again.", detail="fault"),
        critical(f"at most {MOST_ELSEWHERE:g} of a file's outlines lie on none of its images",
            at_most("elsewhere_fraction", MOST_ELSEWHERE),
            "The labels are of another place, or in another CRS than their file declares: all would count as missed.",
            "Check that file and images belong together; then the file's CRS.", detail="n_elsewhere"),
        warning("all outlines of a file lie on its images", none("n_elsewhere"),
            "Nobody can find what no image shows.",
            "Nothing to do if the file covers more ground than the images.", detail="n_in_file"),
        warning("no building lies wholly off its image", none("n_outside"),
            "Nobody can find it, yet the scorer counts it as missed.",
            "Remove the row.", detail="outside_id"),
        warning("outlines are valid", none("n_invalid"),
            "The area of an outline that crosses itself is wrong, and its repair on loading may change its shape.",
            "Repair it in the file (shapely.make_valid) to decide its shape yourself.", detail="invalid_id"),
        warning("buildings are polygons", none("n_not_polygon"),
            "Lines and points are no footprints; they are left out.",
            "Draw the building as a polygon, or remove the row."),
        warning("buildings have a shape", none("n_without_shape"),
            "A row with a null or EMPTY geometry is left out.",
            "Draw the building, or remove the row."),
        warning("a building is one polygon", none("n_multi"),
            "Several parts under one id are one building to the scorer: each part found by itself counts as false.",
            "Give every part a row of its own, as SpaceNet 2's CSVs do.", detail="multi_id"),
        warning("no two buildings have the same outline", none("n_twice"),
            "One of them will always be missed.",
            "Remove the second.", detail="twice_id"),
        warning("no two images have the same outlines", one_of("duplicate_of", ""),
            "The same buildings in two places cannot both be true: one file is of another image.",
            "Fetch the labels of this image again.", detail="duplicate_of"),
        warning(f"at most {params.max_overlap_fraction:g} of the buildings lie on one another",
            at_most("overlap_fraction", params.max_overlap_fraction),
            "Two outlines of one building: one of them will always be missed.",
            "Remove the second outline.", detail="overlap_id"),
        warning(f"at most {params.max_hidden_fraction:g} of the buildings are on unusable ground",
            at_most("hidden_fraction", params.max_hidden_fraction),
            "Nothing can be seen of them, yet the scorer counts them as missed.",
            "Remove them, or check the image's nodata value.", detail="hidden_id"),
        warning(f"no building is larger than {params.max_area_px2:g} px²",
            at_most("max_area_px2", params.max_area_px2),
            "One outline round a whole quarter hides every building in it.",
            "Draw the buildings one by one, or raise validation.max_area_px2 if the building is real.",
            detail="largest_id"),
    )  # fmt: skip


def stretch_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``STRETCH_FACTS``."""
    most = params.max_clipped_fraction
    cure = "Set data.stretch.by to scene, or its percentiles; or give the image a folder of its own, with its like."
    return (
        critical("there are converted images", rows_exist(),
            "Without images nothing can be trained.",
            "Run `dvc repro ingest`."),
        warning(f"at most {most:g} of an image is cut to black by the stretch", at_most("black_clipped", most),
            "This image is darker than those by which the stretch was measured: its shadows hold nothing any more.",
            cure, detail="brightness", picture="frame"),
        warning(f"at most {most:g} of an image is cut to white by the stretch", at_most("white_clipped", most),
            "This image is brighter than those by which the stretch was measured: its roofs hold nothing any more.",
            cure, detail="brightness", picture="frame"),
        warning(f"grey levels deviate by at least {params.min_contrast:g} after the stretch",
            at_least("contrast", params.min_contrast),
            "An even picture shows no buildings: the stretch is far too wide for this image, or there is fog.",
            cure, detail="brightness", picture="frame"),
    )  # fmt: skip
