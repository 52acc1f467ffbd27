"""Whole jobs that stages, the command line and Python users share."""
