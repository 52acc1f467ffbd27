"""One thin script per stage, run by DVC."""
