"""Find every building in monthly 4 m satellite images and follow each through time, with every run on record."""

__version__ = "0.1.0"
