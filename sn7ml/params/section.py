"""What every section of params is made of."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Split = Literal["train", "validation", "test"]
Scalar = bool | int | float | str


class Section(BaseModel):
    """A part of the params: cannot be changed, refuses unknown keys, converts no types, takes finite numbers only."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )
