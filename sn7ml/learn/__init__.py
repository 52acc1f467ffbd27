"""Torch lives here: dataset, augmentation, models, losses, the loop, prediction."""
