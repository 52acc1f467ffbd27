"""Colours that pictures and pages share."""

from importlib.resources import files

from sn7ml.report.palette import GROUND, INK, LINE, SOFT


def test_pictures_have_the_colours_of_the_page_in_the_light() -> None:
    light, _, _ = (files("sn7ml.report") / "templates" / "report.css").read_text().partition("}")
    for name, colour in {"ground": GROUND, "ink": INK, "soft": SOFT, "line": LINE}.items():
        assert f"--{name}: {colour};" in light
