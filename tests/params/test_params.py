"""params.yaml is refused by name: the key, the value, what is allowed."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from sn7ml.core.errors import ParamsError
from sn7ml.params import Choice, Params, Recipe, flatten, load_params, load_recipe, parse, recipe_of
from tests.raising import assert_names, raises

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())


def changed(key: str, value: Any) -> dict[str, Any]:
    """The default params with one value set, by its dotted key."""
    content = copy.deepcopy(DEFAULTS)
    *path, last = key.split(".")
    section = content
    for name in path:
        section = section[name]
    section[last] = value
    return content


def without(key: str) -> dict[str, Any]:
    content = changed(key, None)
    *path, last = key.split(".")
    section = content
    for name in path:
        section = section[name]
    del section[last]
    return content


def fault(content: Any, code: str = "params.invalid") -> str:
    with raises(ParamsError, code, "params.yaml") as caught:
        parse(Params, content, "params.yaml")
    return str(caught.value)


def test_the_params_of_the_repository_load() -> None:
    assert load_params(ROOT / "params.yaml") == parse(Params, DEFAULTS, "params.yaml")


def test_an_unknown_key_is_named_with_those_that_exist() -> None:
    said = fault(changed("tiling.sise_px", 64))
    assert said.startswith(
        "params.yaml: 1 fault(s)\n  tiling.sise_px: unknown key; known here: ['min_usable_fraction', "
    )
    assert "'size_px'" in said


def test_an_unknown_section_is_named_with_those_that_exist() -> None:
    said = fault(changed("trian", {}))
    assert "  trian: unknown key; known here: ['augmentation', " in said
    assert "'train'" in said


def test_an_unknown_key_deep_down_is_named_with_those_that_exist() -> None:
    assert_names(fault(changed("output.tracks.collapse.jump", 1)), "output.tracks.collapse.jump: ", "['birth_jump', ")


def test_a_missing_key_is_named() -> None:
    assert_names(fault(without("split.seed")), "\n  split.seed: ", "docs/params.md")
    assert_names(fault(without("promote")), "\n  promote: ", "docs/params.md")


def test_all_faults_are_named_at_once() -> None:
    content = changed("tiling.size_px", 65) | {"extra": 1}
    del content["loss"]["dice"]
    said = fault(content)
    assert_names(said, 3, "\n  tiling.size_px: ", "\n  extra: ", "\n  loss.dice: ")
    assert said.count("\n") == 3


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("tiling.size_px", "64", ("tiling.size_px: ", "integer", "'64'")),
        ("tiling.size_px", 64.5, ("tiling.size_px: ", "integer", 64.5)),
        ("tiling.size_px", True, ("tiling.size_px: ", "integer", "True")),
        ("tiling.size_px", 65, ("tiling.size_px: ", 32, 65)),
        ("tiling.overlap_px", 64, ("tiling: ", "overlap_px", "size_px", 64)),
        ("split.test_fraction", 0.9, ("split.test_fraction: ", 0.6, 0.9)),
        ("task", "clouds", ("task: ", "'buildings_through_time'", "'clouds'")),
        ("train.precision", "fp8", ("train.precision: ", "'32-true'", "'fp8'")),
        ("predict.splits", "test", ("predict.splits: ", "list", "'test'")),
        ("predict.splits", ["tset"], ("predict.splits.0: ", "'train'", "'tset'")),
        ("evaluate.splits", ["train"], ("(whole file): ", "evaluate.splits", ["train"], "predict.splits")),
        ("tune.splits", ["train"], ("tune.splits", ["train"], "predict.splits", ["validation", "test"])),
        (
            "tune.splits",
            ["validation", "test"],
            ("tune.splits", ["test"], "evaluate.splits"),
        ),
        (
            "tune.space",
            [{"param": "method", "low": 0.0, "high": 1.0, "log": 1}],
            ("tune.space.0.log: ", "boolean", 1),
        ),
        (
            "tune.space",
            [{"param": "collapse.jump", "low": 0.0, "high": 1.0}],
            ("tune.space", ["collapse.jump"]),
        ),
        (
            "output.tracks.changepoint.births.before_spread",
            0.0,
            ("births.before_spread: ", 0, 0.0),
        ),
        ("augmentation.flips", 1, ("augmentation.flips: ", "boolean", 1)),
        ("optimiser.learning_rate", "1e-3", ("optimiser.learning_rate: ", "'1e-3'", "YAML")),
        ("optimiser.weight_decay", float("inf"), ("optimiser.weight_decay: ", "finite", "inf")),
        ("promote.model_name", "a/b", ("promote.model_name: ", "pattern", "'a/b'")),
        (
            "loss",
            {"bce": 0.0, "dice": 0.0, "focal": 0.0, "jaccard": 0.0, "channels": DEFAULTS["loss"]["channels"]},
            ("loss: ", "bce, dice"),
        ),
        ("loss.channels", {"footprint": 1.0}, (["footprint", "boundary", "contact"], ["footprint"])),
        (
            "loss.channels.roof",
            1.0,
            (["footprint", "boundary", "contact"], ["footprint", "boundary", "contact", "roof"]),
        ),
        ("loss.channels.footprint", 0.0, ("loss.channels.footprint", 0)),
        ("loss.channels.contact", -0.1, ("loss.channels.contact: ", 0, -0.1)),
        ("loss.boundary", 0.3, ("loss.boundary: ", "'channels'")),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(key: str, value: Any, named: tuple[object, ...]) -> None:
    with raises(ParamsError, "params.invalid", *named):
        parse(Params, changed(key, value), "params.yaml")


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        ({"param": "loss.dise", "low": 0.0, "high": 1.0}, ("search.space", ["loss.dise"], "['augmentation.")),
        ({"param": "train.epochs", "values": [1, 2]}, (["train.epochs"], "'loss.dice'")),
        ({"param": "loss.dice"}, ("search.space.0: loss.dice: ", "values", "low and high")),
        ({"param": "loss.dice", "values": [0.0], "low": 0.0, "high": 1.0}, ("loss.dice: ", "values", "low and high")),
        ({"param": "loss.dice", "values": [0.0], "low": 0.0}, ("loss.dice: ", "values", "low and high")),
        ({"param": "loss.dice", "low": 0.0}, ("loss.dice: ", "values", "low and high")),
        ({"param": "loss.dice", "low": 1.0, "high": 1.0}, ("loss.dice: ", "low", "high", "1.0 and 1.0")),
        ({"param": "loss.dice", "low": 0.0, "high": 1.0, "log": True}, ("loss.dice: ", "log", "low", 0.0)),
        ({"param": "loss.dice", "low": 0.1, "high": 1.0, "step": 0.2}, ("loss.dice: ", 0.2, 0.1, 1.0)),
        ({"param": "loss.dice", "low": 0.1, "high": 1.0, "step": 0.1, "log": True}, ("loss.dice: ", "log or step")),
        ({"param": "loss.dice", "low": 0.0, "high": 1.5, "integer": True}, ("loss.dice: ", "integer", "low 0.0")),
        ({"param": "loss.dice", "values": [0.0], "log": True}, ("loss.dice: ", "log, step and integer")),
        ({"param": "loss.dice", "values": [0.0], "when": {"loss.bce": [1.0]}}, ("loss.dice: ", "when", "'loss.bce'")),
        ({"param": "loss.dice", "vlaues": [0.0]}, ("search.space.0.vlaues: ", "['high', 'integer', 'log'")),
    ],
)  # fmt: skip
def test_a_bad_dimension_of_the_search_is_named_with_what_is_allowed(
    choice: dict[str, Any], named: tuple[object, ...]
) -> None:
    with raises(ParamsError, "params.invalid", *named):
        parse(Params, changed("search.space", [choice]), "params.yaml")


ENCODER = {"param": "model.encoder", "values": ["resnet18", "mit_b0"]}


@pytest.mark.parametrize(
    ("space", "named"),
    [
        ([ENCODER, ENCODER], ("search.space: ", "model.encoder")),
        (
            [ENCODER, {"param": "loss.dice", "values": [0.0], "when": {"model.encoder": ["resnet34"]}}],
            ("loss.dice: ", "when", "model.encoder", ["resnet34"], ["resnet18", "mit_b0"]),
        ),
        (
            [{"param": "loss.dice", "values": [0.0], "when": {"model.encoder": ["mit_b0"]}}, ENCODER],
            ("loss.dice: ", "when", "'model.encoder'"),
        ),
        (
            [
                {"param": "loss.bce", "low": 0, "high": 1},
                {"param": "loss.dice", "values": [0.0], "when": {"loss.bce": [1.0]}},
            ],
            ("loss.dice: ", "when", "'loss.bce'"),
        ),
    ],
)  # fmt: skip
def test_a_condition_that_nothing_can_meet_is_refused(space: list[dict[str, Any]], named: tuple[object, ...]) -> None:
    with raises(ParamsError, "params.invalid", *named):
        parse(Params, changed("search.space", space), "params.yaml")


def test_a_dimension_may_depend_on_one_before_it() -> None:
    dice = {"param": "loss.dice", "low": 0.0, "high": 2.0, "step": 0.5, "when": {"model.encoder": ["mit_b0"]}}
    [_, choice] = parse(Params, changed("search.space", [ENCODER, dice]), "params.yaml").search.space
    assert choice.when == {"model.encoder": ("mit_b0",)}


def test_a_package_from_before_there_were_more_losses_and_optimisers_can_be_read() -> None:
    content = {name: dict(DEFAULTS[name]) for name in Recipe.model_fields}
    for section, key in (("loss", "lovasz"), ("loss", "tversky"), ("augmentation", "enabled"), ("optimiser", "method")):
        del content[section][key]
    assert parse(Recipe, content, "package.yaml") == recipe_of(load_params(ROOT / "params.yaml"))


def test_augmentation_that_is_not_enabled_is_all_off() -> None:
    augmentation = load_params(ROOT / "params.yaml").augmentation.model_copy(update={"months_around": 2})
    assert augmentation.applied() == augmentation
    off = augmentation.model_copy(update={"enabled": False}).applied()
    assert not any(value for _, value in off)
    assert (off.flips, off.months_around, off.noise) == (False, 0, 0.0)
    assert type(off.flips) is bool


def test_a_search_may_have_no_dimension_and_a_choice_may_hold_null() -> None:
    assert parse(Params, changed("search.space", []), "params.yaml").search.space == ()
    assert Choice(param="model.weights", values=(None, "imagenet")).values == (None, "imagenet")


@pytest.mark.parametrize("content", [None, [], "text", 3])
def test_a_file_that_is_no_mapping_is_refused(content: Any) -> None:
    assert "['task', " in fault(content, "params.not-a-mapping")


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (lambda path: None, "params.no-file"),
        (lambda path: path.write_text("a: [1"), "params.not-yaml"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "params.not-yaml"),
        (lambda path: path.write_text(""), "params.not-a-mapping"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(write: Callable[[Path], object], code: str, tmp_path: Path) -> None:
    write(tmp_path / "params.yaml")
    with raises(ParamsError, code, tmp_path / "params.yaml"):
        load_params(tmp_path / "params.yaml")


def test_params_cannot_be_changed() -> None:
    params = parse(Params, DEFAULTS, "params.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        params.tiling.size_px = 32


def test_flat_params_have_dotted_keys() -> None:
    flat = flatten(parse(Params, changed("model.weights", None), "params.yaml"))
    assert flat["loss.dice"] == DEFAULTS["loss"]["dice"]
    assert flat["search.train.epochs"] == DEFAULTS["search"]["train"]["epochs"]
    assert flat["predict.splits"] == str(DEFAULTS["predict"]["splits"])
    assert flat["model.weights"] is None


def test_a_recipe_survives_its_file(tmp_path: Path) -> None:
    recipe = recipe_of(parse(Params, DEFAULTS, "params.yaml"))
    (tmp_path / "best.yaml").write_text(yaml.safe_dump({"recipe": recipe.model_dump(mode="json")}))
    assert load_recipe(tmp_path / "best.yaml") == recipe


def test_a_recipe_holds_the_sections_of_params_that_a_search_may_set() -> None:
    assert set(Recipe.model_fields) < set(Params.model_fields)
    assert all(
        Recipe.model_fields[name].annotation is Params.model_fields[name].annotation for name in Recipe.model_fields
    )


def test_every_field_says_what_it_means() -> None:
    nameless = [name for section in Params.model_fields.values() if isinstance(section.annotation, type)
                for name, field in section.annotation.model_fields.items() if not field.description]  # fmt: skip
    assert set(nameless) <= {"instances", "collapse", "baseline"}


def test_values_can_be_changed_while_loading() -> None:
    params = load_params(str(ROOT / "params.yaml"), {"train.epochs": 3, "validation.sides_px": [32, 64]})
    assert (params.train.epochs, params.validation.sides_px) == (3, (32, 64))


@pytest.mark.parametrize(
    ("key", "code", "named"),
    [
        ("trian.epochs", "params.unknown-section", ("trian.epochs", "'trian'")),
        ("train.epochs.max", "params.unknown-section", ("train.epochs.max", "'epochs'")),
        ("train.epoch", "params.invalid", ("train.epoch: ", "'epochs'")),
    ],
)
def test_a_change_of_a_key_that_is_not_there_is_refused(key: str, code: str, named: tuple[str, ...]) -> None:
    with raises(ParamsError, code, *named):
        load_params(ROOT / "params.yaml", {key: 3})
