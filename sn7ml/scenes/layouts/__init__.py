"""How a folder names its frames and labels. File names are parsed here and nowhere else."""
