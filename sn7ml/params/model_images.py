"""What a model package says of the images that it learned from, so that others can be made like them."""

from typing import TypeAlias

from pydantic import Field, model_validator

from sn7ml.params.section import Section

Colours: TypeAlias = tuple[float, float, float]
"""Of red, green and blue."""

Span: TypeAlias = tuple[float, float]
"""Least and largest."""


class PartStretch(Section):
    """Which brightness became black and which white in all images of a part of the data folder."""

    low: Colours
    high: Colours

    @model_validator(mode="after")
    def _white_is_brighter(self) -> "PartStretch":
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f"high must be above low in each colour, got {self.high} and {self.low}")
        return self


class SceneStretch(Section):
    """The percentiles of each image that became black and white."""

    low_percent: float = Field(ge=0, le=50)
    high_percent: float = Field(ge=50, le=100)


class ModelImages(Section):
    """The images that a model learned from, where they had to be converted."""

    stretch: dict[str, PartStretch | SceneStretch]
    """By part of the data folder, such as a city; "" for all. Empty where images came in bytes."""

    pixel_height_m: Span | None
    """Of a pixel on the ground, metres: along columns. None where no image says where it lies."""

    pixel_width_m: Span | None
    """The same, along rows. In degrees it is smaller than the height."""

    @model_validator(mode="after")
    def _pixels_have_a_size(self) -> "ModelImages":
        if (self.pixel_height_m is None) != (self.pixel_width_m is None):
            raise ValueError("pixel_height_m and pixel_width_m must both be given, or both be null")
        for name in ("pixel_height_m", "pixel_width_m"):
            if getattr(self, name) is None:
                continue
            least, largest = getattr(self, name)
            if not 0 < least <= largest:
                raise ValueError(f"{name} must be two numbers above 0, the smaller first, got {[least, largest]}")
        return self
