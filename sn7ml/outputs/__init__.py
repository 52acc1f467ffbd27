"""What a user wants, made from rasters of probabilities: footprints, tracks, submissions, exports."""
