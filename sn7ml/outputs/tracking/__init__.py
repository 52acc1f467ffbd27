"""Polygons through time: instances from probabilities, tracks, births."""
