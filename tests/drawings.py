"""Pictures of buildings in text: a letter is a building, a dot is ground, capitals are pixels that a test expects."""

import numpy as np
from numpy.typing import NDArray


def letters(drawing: str) -> NDArray[np.str_]:
    """One letter per pixel: (rows, cols)."""
    return np.array([list(line) for line in drawing.split()])


def picture(drawing: str) -> NDArray[np.int32]:
    """Image of ids: A or a is 1, B or b is 2 and so on, anything else is ground."""
    drawn = letters(drawing)
    numbers = np.vectorize(lambda letter: ord(letter.lower()) - ord("a") + 1, otypes=[np.int32])(drawn)
    return np.where(np.char.isalpha(drawn), numbers, 0).astype(np.int32)


def capitals(drawing: str, also: str = "") -> NDArray[np.bool_]:
    """True on capitals, and on any other sign in ``also``."""
    drawn = letters(drawing)
    return np.asarray(np.char.isupper(drawn) | np.isin(drawn, list(also)))
