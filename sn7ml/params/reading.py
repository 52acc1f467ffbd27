"""Params files in, sections out; every fault named, with what is allowed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from sn7ml.core.errors import ParamsError
from sn7ml.core.safe_files import read_yaml
from sn7ml.params.learning import Choice
from sn7ml.params.outcome import OutputParams
from sn7ml.params.recipe import Recipe
from sn7ml.params.section import Section
from sn7ml.params.whole import Params

Model = TypeVar("Model", bound=Section)


def load_params(path: Path | str = Path("params.yaml"), changes: Mapping[str, Any] | None = None) -> Params:
    """Read and check all params, with ``changes`` in place of the values at their dotted keys.

    Raises ParamsError that names every unknown key, missing key and bad value, with what is allowed.

    >>> load_params("params.yaml", {"train.epochs": 3}).train.epochs
    3
    """
    params = parse(Params, _read_yaml(Path(path)), str(path))
    return with_values(params, changes, f"{path} with changes") if changes else params


def load_recipe(path: Path) -> Recipe:
    """Read ``best.yaml``, the recipe that the search stage chose. Raises ParamsError like :func:`load_params`."""
    return parse(Best, _read_yaml(path), str(path)).recipe


def load_output(path: Path) -> OutputParams:
    """Read ``best.yaml``, the output's params chosen by the tune stage. Raises ParamsError like :func:`load_params`."""
    return parse(Tuned, _read_yaml(path), str(path)).output


class Best(Section):
    """What the search stage writes: one key, so that ``dvc.yaml`` names one key."""

    recipe: Recipe


class Tuned(Section):
    """What the tune stage writes."""

    output: OutputParams


def with_values(section: Model, values: Mapping[str, Any], source: str) -> Model:
    """Return a section with values set at its dotted keys. Raises ParamsError that names ``source`` if they misfit."""
    content = section.model_dump()
    for key, value in values.items():
        *parts, name = key.split(".")
        place: Any = content
        for part in parts:
            place = place.get(part)
            if not isinstance(place, dict):
                why = f"{source}: {key}: there is no section {part!r}; docs/params.md lists all keys"
                raise ParamsError("params.unknown-section", why)
        place[name] = value
    return parse(type(section), content, source)


def parse(model: type[Model], content: Any, source: str) -> Model:
    """Build ``model`` from what a YAML file held; ``source`` names the file in errors."""
    if not isinstance(content, dict):
        raise ParamsError(
            "params.not-a-mapping",
            f"{source}: expected a mapping with the keys {list(model.model_fields)}, got {content!r:.80}",
        )
    try:
        return model.model_validate(_tuples(content))
    except ValidationError as error:
        lines = [f"  {_explain(model, fault)}" for fault in error.errors()]
        raise ParamsError("params.invalid", "\n".join([f"{source}: {len(lines)} fault(s)", *lines])) from None


def _tuples(value: Any) -> Any:
    """YAML knows lists only; the models are frozen and hold tuples."""
    if isinstance(value, dict):
        return {name: _tuples(inner) for name, inner in value.items()}
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list) else value


def _explain(model: type[Section], fault: Any) -> str:
    """One fault in our words: the dotted key, the value, what is allowed."""
    where = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
    match fault["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key; known here: {_known(model, fault['loc'][:-1])}"
        case "missing":
            return f"{where}: missing; add it (see docs/params.md)"
        case "value_error":
            return f"{where}: {fault['ctx']['error']}"
        case "float_type" if isinstance(fault["input"], str):
            return f"{where}: expected a number, got text {fault['input']!r:.80}; YAML needs a point in 1.0e-3"
        case _:
            return f"{where}: {fault['msg'].lower().replace('tuple', 'list')}, got {fault['input']!r:.80}"


def _known(model: type[Section], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        kind = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        sections = [
            it for it in (kind, *get_args(kind)) if isinstance(it, type) and issubclass(it, Section)
        ]  # X | None
        if not sections:
            return sorted(Choice.model_fields)
        model = sections[0]
    return sorted(model.model_fields)


def _read_yaml(path: Path) -> Any:
    try:
        return read_yaml(path)
    except FileNotFoundError:
        raise ParamsError("params.no-file", f"no file {path}; run this in the project's root folder") from None
    except OSError as error:
        raise ParamsError("params.cannot-read", f"{path}: cannot be read as YAML: {error.strerror}") from None
    except ValueError as error:
        raise ParamsError("params.not-yaml", f"{path}: cannot be read as YAML: {error}") from None
