"""Descriptions of registered models, as they were written at some time, stay readable for good.

When a package's form changes, add a folder of today's; never edit an old one. A later key needs a default that does
what was done before.
"""

from pathlib import Path

import pytest

from sn7ml.package_files import read_config, read_usage

PAST = sorted(path for path in (Path(__file__).parent / "packages_of_the_past").iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", PAST, ids=lambda folder: folder.name)
def test_it_can_be_read(folder: Path) -> None:
    config, usage = read_config(folder), read_usage(folder)
    assert (config.upsampling, config.recipe.model.architecture) == (3, "Unet")
    assert (config.channels, config.activation) == (("footprint", "boundary", "contact"), "sigmoid")
    assert usage is not None
    assert usage.output.of_tracks().method == "changepoint"


def test_what_came_later_changes_nothing_of_the_first_one() -> None:
    config = read_config(PAST[0])
    recipe = config.recipe
    assert config.folds is None  # one network per fold, however many those are
    assert (config.images, config.unit_m) == (None, None)
    usage = read_usage(PAST[0])
    assert usage is not None
    assert (recipe.loss.lovasz, recipe.loss.tversky, recipe.optimiser.method) == (0.0, 0.0, "adamw")
    assert recipe.augmentation.enabled
    assert recipe.loss.channels == {"footprint": 1.0, "boundary": 0.3, "contact": 0.3}
    changepoint = usage.output.of_tracks().changepoint
    assert (changepoint.births.brightness_weight, changepoint.min_tail) == (0.0, 0.0)
