"""A model that needs no training: what is brighter than its frame is a building.

``python -m tests.cli.bright WRITTEN HANGS ARGUMENT…`` runs `sn7ml predict` with it, for a test that kills the process:
it creates the file HANGS and hangs at the first window after the file WRITTEN exists."""

import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from sn7ml import cli
from sn7ml.learn.package import Package, save_package
from sn7ml.learn.predict import Predictor
from sn7ml.package_files import write_usage
from sn7ml.params import PredictParams, Usage, load_params
from tests.learn.toy import OUTPUT, RECIPE, windows

ROOT = Path(__file__).resolve().parents[2]


class Bright(nn.Module):
    """Certain of pixels one deviation brighter than the mean; no boundaries."""

    def forward(self, image: Tensor) -> Tensor:
        logits = torch.full_like(image, -9.0)
        logits[:, 0] = 9 * (image.mean(dim=1) - 1)
        return logits


class Hanging(Bright):
    """Hangs at the first window after a file was written."""

    def __init__(self, written: Path, hangs: Path) -> None:
        super().__init__()
        self.written, self.hangs = written, hangs

    def forward(self, image: Tensor) -> Tensor:
        if self.written.exists():
            self.hangs.touch()
            time.sleep(600)
        return super().forward(image)


def predictor(network: nn.Module, params: PredictParams) -> Predictor:
    class Made(Package):
        def networks(self) -> list[nn.Module]:
            return [network]

    return Predictor(Made(RECIPE, *OUTPUT, 1, ({},)), params)


def write_package(folder: Path, **changes: object) -> Path:
    """Write a package with a digest and a usage, whose network nobody will look at."""
    save_package(folder, Package(RECIPE, *OUTPUT, 1, ({"0": torch.zeros(1)},)))
    write_usage(folder, Usage(predict=windows(**changes), output=load_params(ROOT / "params.yaml").output))
    return folder


def run(*arguments: object) -> str:
    """Run ``sn7ml predict``; an error is raised as it is."""
    done = CliRunner().invoke(cli.app, ["predict", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def main() -> None:
    network = Hanging(Path(sys.argv[1]), Path(sys.argv[2]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sn7ml.learn.predict.load_predictor", lambda _folder, params: predictor(network, params))
        run(*sys.argv[3:])


if __name__ == "__main__":
    main()
