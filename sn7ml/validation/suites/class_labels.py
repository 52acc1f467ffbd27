"""What must be true of label images whose colours are classes."""

from sn7ml.scenes.legend import MOST_OF_ONE
from sn7ml.validation.check import Check, at_least, at_most, critical, none, one_of, rows_exist, true, warning

MOST_UNLABELLED, MOST_UNKNOWN = 0.1, 0.5
"""Shares of an image without a class from which people are told: of labels, and of what was found."""


def class_checks() -> tuple[Check, ...]:
    """Return the expectations about ``CLASS_FACTS``."""
    return (
        critical("there are label images", rows_exist(),
            "Without labels nothing can be trained or scored.",
            "Add label images as data.layout has them."),
        critical("label images can be read", true("readable"),
            "A damaged label image, or one of another kind, would stop a later stage.",
            "Fetch the file again, or save it as PNG.", detail="fault"),
        critical("a label image is as large as its image", true("size_fits"),
            "Labels of another size are of another image, or were resampled.",
            "Fetch both again; do not resample labels.", detail="size"),
        critical(f"no colour outside the classes has more than {MOST_OF_ONE:g} of all pixels",
            at_most("foreign_everywhere", MOST_OF_ONE),
            "The file of classes is wrong or lacks a class: such pixels would all be unknown.",
            "Mend the file of classes; `sn7ml validate --suggest-classes FILE` writes one to edit.",
            detail="foreign_colour"),
        warning(f"at most {MOST_UNLABELLED:g} of an image has no class", at_most("unknown_fraction", MOST_UNLABELLED),
            "What is unknown is neither learned nor scored.",
            "Nothing to do if it was left out on purpose.", detail="foreign_colour"),
        warning("an image shows two classes or more", at_least("n_classes", 2),
            "A label image of one colour is often an empty one.",
            "Look at the file; nothing to do if the image shows nothing else.", detail="largest_class"),
        warning("no two label images are the same", one_of("duplicate_of", ""),
            "The same labels of two images cannot both be true.",
            "Fetch the labels of this image again.", detail="duplicate_of"),
    )  # fmt: skip


def class_count_checks() -> tuple[Check, ...]:
    """Return the expectations about ``CLASS_COUNT_FACTS``."""
    return (
        critical("there are class maps", rows_exist(),
            "Nothing was predicted.",
            "Run `dvc repro predict`."),
        critical("counts can be read", true("readable"),
            "A later stage would stop.",
            "Run `dvc repro extract`.", detail="fault"),
        critical("the pixels of all classes and of unknown are those of the image", none("pixels_off"),
            "Counts that lack pixels are of another image, or of a part of it.",
            "Run `dvc repro --force extract`.", detail="n_pixels"),
        warning("at most half of an image is unknown", at_most("unknown_fraction", MOST_UNKNOWN),
            "Nothing is said of pixels that are not usable.",
            "Nothing to do if they are cloud, or beyond the edge."),
        warning("an image shows two classes or more", at_least("n_classes", 2),
            "A model that knows one class only has learned nothing.",
            "Look at the map; compare the confusion matrix.", detail="largest_class"),
    )  # fmt: skip
