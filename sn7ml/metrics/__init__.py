"""Counts first, ratios last: pixels, footprints, and SCOT exactly as SpaceNet 7 scored it. No file is opened here."""
