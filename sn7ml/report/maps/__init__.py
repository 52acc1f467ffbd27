"""Pictures of frames, footprints and tracks."""
