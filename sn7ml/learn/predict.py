"""Whole frames through the network: overlapping windows, blended so that their edges cannot be seen."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.core.geo.radiometry import Brightness, band_statistics, shades
from sn7ml.core.geo.windows import Corner, blend_weights, plan_windows
from sn7ml.learn.dataset import standardise
from sn7ml.learn.fit import enlarge, keep_freed_memory
from sn7ml.learn.models import activate, fixed_brightness
from sn7ml.learn.package import Package, load_package
from sn7ml.outputs.probabilities import write_probabilities
from sn7ml.params import PredictParams
from sn7ml.scenes.images import Image, read_image
from sn7ml.scenes.input_checks import trained_shape
from sn7ml.scenes.rasters import refuse_upsampled
from sn7ml.scenes.scored_columns import Stretch

FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-1, -2))
"""Axes of the four flips, the identity first."""

WINDOWS_TO_FOLLOW = 16
"""Windows that networks adapt to: of 128 pixels, a quarter of a frame of 1,024 x 1,024."""

LEAST_USABLE = 0.5
"""Share of usable pixels above which a window tells of the frame, and not of its border."""


def adapted(network: nn.Module, batches: Iterable[Tensor], share: float) -> nn.Module:
    """Copy a network whose batch normalisation takes ``share`` (0 to 1) of its statistics from these batches.

    The rest is from training. Batches are as the network takes them, of two images or more: a network that pools whole
    images has nothing to compare in a batch of one. The copy is in evaluation mode; the same batches give the same
    statistics, since dropout draws from a seed of its own.

    Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", NeurIPS 2020
    (their N and n give the share n / (N + n)).
    """
    follower = deepcopy(network)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        update_bn(batches, follower)
    follower.eval()
    for own, trained in zip(follower.modules(), network.modules(), strict=True):
        if isinstance(own, _BatchNorm) and own.track_running_stats:
            for name in ("running_mean", "running_var"):
                getattr(own, name).lerp_(getattr(trained, name), 1 - share)
    return follower


class Predictor:
    """The networks of a package made ready for prediction, on a GPU where there is one.

    ``params`` says window size, overlap, batch size, flips, adaptation and precision.
    """

    def __init__(self, package: Package, params: PredictParams, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.networks: list[nn.Module] = [
            network.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for network in package.networks()
        ]
        if self.device.type == "cpu":
            keep_freed_memory()
        fabric = Fabric(accelerator=self.device.type, devices=1, precision=params.precision)
        self.autocast: Callable[[], AbstractContextManager[None]] = fabric.autocast
        self.channels, self.activation = package.channels, package.activation
        self.upsampling, self.folds = package.upsampling, package.folds
        self.images, self.unit_m = package.images, package.unit_m
        self.brightness = fixed_brightness(package.recipe.model)
        self.params = params
        s = self.upsampling
        self.weights = torch.from_numpy(blend_weights(params.tile_px * s, params.overlap_px * s)).to(self.device)

    @torch.inference_mode()
    def predict_image(
        self,
        pixels: NDArray[np.uint8],
        stretches: Sequence[Stretch] | None = None,
        brightness: Brightness | None = None,
    ) -> Probabilities:
        """Predict one frame: uint8 (4, rows, cols), red, green, blue and alpha; alpha 0 is unusable.

        ``stretches`` are the columns that are wanted, each with the fold whose networks are asked there; None wants all
        columns of all networks, averaged. Brightness, and what networks adapt to, is taken from the whole frame either
        way. The result is of the whole frame, up-sampled; unusable pixels and unwanted columns are 0 and not usable.

        With ``brightness``, which ``band_statistics`` measured elsewhere, the frame is a part of something larger, and
        is looked at as all other parts are: without adaptation of its own (:func:`adapt_package`), and its shades are
        left out.
        """
        if pixels.ndim != 3 or pixels.shape[0] != 4 or pixels.dtype != np.uint8:
            raise ValueError(f"need uint8 pixels (4, rows, cols), got {pixels.dtype} {pixels.shape}")
        (rows, width), s, margin = pixels.shape[1:], self.upsampling, self.params.overlap_px
        image = standardise(torch.from_numpy(pixels), *(self.brightness or brightness or band_statistics(pixels)))
        networks = self.networks if brightness else self._adapted(image, pixels[3] > 0)
        usable = np.zeros((rows * s, width * s), np.bool_)
        channels = np.zeros((len(self.channels), rows * s, width * s), np.uint8)
        for start, stop, fold in [Stretch(0, width)] if stretches is None else stretches:
            left, right = max(start - margin, 0), min(stop + margin, width)
            wanted = np.zeros((rows, right - left), np.bool_)
            wanted[:, start - left : stop - left] = pixels[3, :, start:stop] > 0
            chosen = networks[fold - 1 :: self.folds] if fold else networks
            found = self._blend(chosen, image[:, :, left:right], wanted)
            channels[:, :, start * s : stop * s] = found[:, :, (start - left) * s : (stop - left) * s]
            usable[:, start * s : stop * s] = (pixels[3, :, start:stop] > 0).repeat(s, axis=0).repeat(s, axis=1)
        channels *= usable
        return Probabilities(channels, usable, None if brightness else shades(pixels))

    def _adapted(self, image: Tensor, usable: NDArray[np.bool_]) -> list[nn.Module]:
        """Return the networks as they are or, with ``adaptation``, following windows spread over the usable image."""
        size = self.params.tile_px
        image = self._padded(image)
        corners = [
            (row, col)
            for row, col in plan_windows((image.shape[1], image.shape[2]), size, 0)
            if usable[row : row + size, col : col + size].mean() > LEAST_USABLE
        ]
        spread = np.linspace(0, len(corners) - 1, min(len(corners), WINDOWS_TO_FOLLOW)).round().astype(int)
        return self.following(self._windows(image, [corners[n] for n in spread]))

    def following(self, windows: Tensor) -> list[nn.Module]:
        """Return the networks adapted to standardised windows (n, 3, rows, cols), if ``adaptation`` says so."""
        if not self.params.adaptation or not len(windows):
            return self.networks
        if len(windows) == 1:
            windows = windows.repeat(2, 1, 1, 1)
        parts = windows.tensor_split(max(len(windows) // max(self.params.batch_size, 2), 1))
        batches = [enlarge(part.to(self.device), self.upsampling) for part in parts]
        with self.autocast():
            return [adapted(network, batches, self.params.adaptation) for network in self.networks]

    def _blend(self, networks: Sequence[nn.Module], image: Tensor, wanted: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Weighted mean of the windows with a wanted pixel: uint8 (channel, rows * s, cols * s)."""
        rows, cols = image.shape[1:]
        s, size = self.upsampling, self.params.tile_px
        image = self._padded(image)
        shape = (image.shape[1], image.shape[2])
        total = torch.zeros((len(self.channels), shape[0] * s, shape[1] * s), device=self.device)
        weight = torch.zeros(total.shape[1:], device=self.device)
        corners = [
            (row, col)
            for row, col in plan_windows(shape, size, self.params.overlap_px)
            if wanted[row : row + size, col : col + size].any()
        ]
        for first in range(0, len(corners), self.params.batch_size):
            batch = corners[first : first + self.params.batch_size]
            for (row, col), window in zip(batch, self._forward(networks, image, batch), strict=True):
                place = (slice(row * s, (row + size) * s), slice(col * s, (col + size) * s))
                total[:, *place] += window * self.weights
                weight[place] += self.weights
        total /= weight.clamp_(min=torch.finfo(weight.dtype).tiny)
        return np.asarray((total * CERTAIN).round_().to(torch.uint8)[:, : rows * s, : cols * s].cpu().numpy())

    def _forward(self, networks: Sequence[nn.Module], image: Tensor, corners: list[Corner]) -> Tensor:
        """Probabilities of a batch of windows: float32 (batch, channel, size * s, size * s)."""
        windows = self._windows(image, corners)
        total = torch.zeros((), device=self.device)
        flips = FLIPS if self.params.flips else FLIPS[:1]
        for axes in flips:
            view = enlarge(windows.flip(axes), self.upsampling)
            with self.autocast():
                parts = [network(view) for network in networks]
            total = total + sum(activate(part.float(), self.activation).flip(axes) for part in parts)
        return total / (len(flips) * len(networks))

    def _padded(self, image: Tensor) -> Tensor:
        """At least as large as a window."""
        rows, cols = image.shape[1:]
        size = self.params.tile_px
        return pad(image[None], (0, max(size - cols, 0), 0, max(size - rows, 0)))[0]

    def _windows(self, image: Tensor, corners: Sequence[Corner]) -> Tensor:
        """(batch, 3, size, size), on the device."""
        size = self.params.tile_px
        cut = [image[:, row : row + size, col : col + size] for row, col in corners]
        return torch.stack(cut).to(self.device) if cut else image.new_zeros((0, *image.shape[:1], size, size))


def load_predictor(folder: Path, params: PredictParams) -> Predictor:
    """Make a predictor from a package folder. Raises ModelError if that is not whole."""
    return Predictor(load_package(folder), params)


@torch.inference_mode()
def adapt_package(
    package: Package, params: PredictParams, windows: Sequence[NDArray[np.uint8]], brightness: Brightness
) -> Package:
    """Return the package whose networks follow windows of a larger image, as ``params.adaptation`` says.

    Windows are uint8 (4, n, n) with n >= ``params.tile_px``, of which the first pixels are taken; those of which less
    than half is usable are left out. Without any the package is as it was. ``brightness`` is that of the larger image.
    """
    size = params.tile_px
    cut = [window[:, :size, :size] for window in windows]
    own = fixed_brightness(package.recipe.model) or brightness
    seen = [standardise(torch.from_numpy(one), *own) for one in cut if (one[3] > 0).mean() > LEAST_USABLE]
    if not seen:
        return package
    networks = Predictor(package, params).following(torch.stack(seen))
    states = [{name: tensor.cpu() for name, tensor in network.state_dict().items()} for network in networks]
    return replace(package, weights=tuple(states))


def predict_frames(
    predictor: Predictor,
    root: Path,
    frames: pd.DataFrame,
    stretches: Mapping[str, Sequence[Stretch]],
    out: Path,
    read: Callable[[Path], Image] = read_image,
) -> Iterator[tuple[str, str]]:
    """Predict every frame of the chosen AOIs and write ``out/<AOI>/<month>.tif``, and ``shades/<month>.tif`` beside it.

    ``frames`` is a table ``FRAMES`` or ``SOURCES``, of images below ``root``. ``stretches`` maps an AOI to the columns
    that are wanted, and the networks that are asked there; AOIs that are not named are left out. Images with pixels
    smaller or larger than those of the training are resampled for the networks. Yields (aoi, month) after each frame is
    written, for a progress line.
    """
    for frame in frames[frames["aoi"].isin(stretches)].to_dict("records"):
        aoi, month = str(frame["aoi"]), str(frame["time"])
        image = read(root / frame["image"])
        refuse_upsampled(root / frame["image"], image.grid, predictor.upsampling)
        shape = trained_shape(image.grid, predictor.images)
        found = predict_resampled(predictor, image.pixels, stretches[aoi], shape or image.grid.shape)
        path, s = out / aoi / f"{month}.tif", predictor.upsampling
        write_probabilities(path, found, predictor.channels, image.grid, s, predictor.unit_m)
        yield aoi, month


def predict_resampled(
    predictor: Predictor, pixels: NDArray[np.uint8], stretches: Sequence[Stretch], shape: tuple[int, int]
) -> Probabilities:
    """Predict an image at another size, (rows, cols); arguments and result are otherwise those of ``predict_image``."""
    usable, s = pixels[3] > 0, predictor.upsampling
    if shape == usable.shape:
        return predictor.predict_image(pixels, stretches)
    # Unusable pixels lend their colour to no other.
    sums = _resized(np.concatenate([pixels[:3] * usable, usable[None]]), shape)
    seen = sums[3] >= 0.5
    colours = (sums[:3] / sums[3].clip(0.5, 1)).round().clip(0, 255) * seen
    asked = np.concatenate([colours, seen[None] * 255.0]).astype(np.uint8)
    scale = shape[1] / usable.shape[1]
    scaled = [Stretch(round(start * scale), round(stop * scale), fold) for start, stop, fold in stretches]
    wanted = np.zeros_like(usable)
    for start, stop, _ in stretches:
        wanted[:, start:stop] = usable[:, start:stop]
    fine = wanted.repeat(s, axis=0).repeat(s, axis=1)
    found = _resized(predictor.predict_image(asked, scaled).channels, fine.shape).round().astype(np.uint8)
    return Probabilities(found * fine, fine, shades(pixels))


def _resized(bands: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Resample (band, rows, cols), bicubic, each new pixel a mean of all that it covers; values stay in 0 to 255.

    Bilinear blurs, and networks find less in a blurred image.
    """
    tensor = torch.from_numpy(bands.astype(np.float32))[None]
    sized = interpolate(tensor, size=shape, mode="bicubic", antialias=True, align_corners=False)
    return np.asarray(sized[0].clamp(0, CERTAIN).numpy())
