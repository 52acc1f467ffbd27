"""Plots and HTML live here."""
