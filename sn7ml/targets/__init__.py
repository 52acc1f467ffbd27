"""What a network learns, drawn from the labels of one frame. Pure arrays: no files, no torch."""
