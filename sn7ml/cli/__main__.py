"""``python -m sn7ml.cli``."""

from sn7ml.cli import main

main()
