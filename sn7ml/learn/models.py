"""Networks: names become objects here, and nowhere else."""

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import MethodType

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn

from sn7ml.core.errors import ModelError
from sn7ml.core.geo.radiometry import IMAGENET, Brightness
from sn7ml.learn.segnet import SEGNET_ENCODERS, SegNet
from sn7ml.params import BUNDLED, Activation, ModelParams

CLASSIFIER = ("_conv_head", "_bn1", "_fc")
"""How tensors of bundled weights begin that an encoder has no use for. The rest stand in its order, with its shapes."""

TIMM = "tu-"
"""What smp puts before the name of a timm encoder. Those know one set of weights, which we call "imagenet"."""

SEGNET = SegNet.__name__

MISFITS = (ValueError, TypeError, RuntimeError, AttributeError, LookupError, AssertionError)
"""What smp and timm raise when an architecture and an encoder, or a network and its input, do not fit."""


def build_model(params: ModelParams, channels: int) -> nn.Module:
    """Build the network: float32 (batch, 3, rows, cols) to (batch, channels, rows, cols), before the activation.

    Raises ModelError if the architecture, encoder or set of weights is unknown, they do not fit each other, or the
    weights cannot be had.
    """
    _check_names(params)

    if params.architecture == SEGNET:
        return _build_segnet(params, channels)

    def build(weights: str | bool | None) -> nn.Module:
        network: nn.Module = smp.create_model(params.architecture, params.encoder, weights, 3, channels)
        return network

    try:
        network = build(None)  # first without: what fails now is no matter of weights
    except MISFITS as error:
        raise ModelError(
            "model.encoder-misfit",
            f"model.architecture {params.architecture} and model.encoder {params.encoder!r} do not fit each other "
            f"({type(error).__name__}: {error!s:.300}); take another encoder, for instance {next(iter(BUNDLED))!r}",
        ) from None
    if params.weights is None:
        return network
    if params.encoder in BUNDLED:
        _load_bundle(network, params.encoder)
        return network
    try:
        return build(True if params.encoder.startswith(TIMM) else params.weights)
    except (OSError, *MISFITS) as error:  # no network, no such file, disk full; timm knows no weights
        raise _no_weights(params, error) from None


def _no_weights(params: ModelParams, error: Exception) -> ModelError:
    return ModelError(
        "model.download-failed",
        f"model.weights {params.weights!r} of encoder {params.encoder!r} cannot be downloaded "
        f"({type(error).__name__}: {error!s:.200}); use a machine with a network, set model.weights to null, "
        f"or take an encoder whose weights are installed: {sorted(BUNDLED)}",
    )


def _build_segnet(params: ModelParams, channels: int) -> nn.Module:
    if params.encoder not in SEGNET_ENCODERS:
        raise ModelError(
            "model.encoder-misfit",
            f"model.architecture {SEGNET} mirrors the convolutions of VGG; model.encoder must be one of "
            f"{sorted(SEGNET_ENCODERS)}, got {params.encoder!r}",
        )
    try:
        return SegNet(params.encoder, channels, pretrained=params.weights is not None)
    except (OSError, *MISFITS) as error:
        raise _no_weights(params, error) from None


def bare_model(params: ModelParams, channels: int) -> nn.Module:
    """Build the network with random weights, for a checkpoint to fill. Never looks for weights."""
    return build_model(params.model_copy(update={"weights": None}), channels)


def fixed_brightness(params: ModelParams) -> Brightness | None:
    """Return the brightness by which all images of a model are standardised; None is that of each image."""
    return IMAGENET if params.standardise == "imagenet" else None


def activate(output: Tensor, activation: Activation) -> Tensor:
    """Turn a network's output (batch, channel, …) into what is predicted: the one place where that is decided."""
    match activation:
        case "sigmoid":
            return output.sigmoid()
        case "distance":
            return (output.clamp(-1, 1) + 1) / 2
        case "softmax":
            return output.softmax(dim=1)


def exact_depthwise(network: nn.Module) -> None:
    """Make the depthwise convolutions of a network, in place, compute in float32 whatever autocast says.

    oneDNN's backward pass of them in bfloat16 is up to nine times slower on a CPU. Their output has the input's type
    again. Nothing changes without autocast, weights keep their names, and copies of the network do the same.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            # A bound method, which deepcopy binds to the copy; a closure would use the weights of the original.
            module.forward = MethodType(_in_float32, module)  # type: ignore[method-assign]


def _in_float32(module: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return type(module).forward(module, x.float()).to(x.dtype)


@torch.no_grad()
def check_side(network: nn.Module, params: ModelParams, side_px: int) -> None:
    """Raise ModelError if the network cannot map a square of ``side_px`` to one of the same size.

    Some encoders take one size only, or multiples of another number than 32: better said before the first epoch.
    """
    example = torch.zeros(1, 3, side_px, side_px, device=next(network.parameters()).device)
    training = network.training
    try:
        found = tuple(network.eval()(example).shape[2:])
        reason = f"it gives {found[0]} x {found[1]}" if found != (side_px, side_px) else ""
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


def _check_names(params: ModelParams) -> None:
    """Raise ModelError if there is no such encoder, no such weights of it, or no such architecture."""
    name = params.encoder.removeprefix(TIMM)
    is_timm = params.encoder.startswith(TIMM)
    known = timm.list_models() if is_timm else smp.encoders.get_encoder_names()
    if name.split(".")[0] not in known if is_timm else name not in known:
        near = [f"{TIMM * is_timm}{other}" for other in get_close_matches(name, known, n=5)]
        raise ModelError(
            "model.unknown-encoder",
            f"model.encoder {params.encoder!r} is unknown; "
            + (f"do you mean one of {near}? " if near else "")
            + f"Known are smp.encoders.get_encoder_names() and, with {TIMM!r} before their names, timm.list_models()",
        )
    weights = ["imagenet"] if is_timm else sorted(smp.encoders.encoders[name]["pretrained_settings"])
    if params.weights is not None and params.weights not in weights:
        raise ModelError(
            "model.unknown-weights",
            f"model.weights {params.weights!r} is unknown for {params.encoder!r}; known: {weights}, or null",
        )
    architectures = sorted([SEGNET, *(cls.__name__ for cls in smp.MODEL_ARCHITECTURES_MAPPING.values())])
    if params.architecture not in architectures:
        raise ModelError(
            "model.unknown-architecture",
            f"model.architecture {params.architecture!r} is unknown; known: {architectures}",
        )


def _load_bundle(network: nn.Module, name: str) -> None:
    """Fill the encoder with bundled weights, whose tensors bear other names than its own."""
    try:
        package = import_module(BUNDLED[name].replace("-", "_"))
    except ModuleNotFoundError:
        raise ModelError(
            "model.bundle-missing",
            f"the package {BUNDLED[name]} with the weights of {name} is not installed; run `make setup`",
        ) from None
    (weights,) = (it for name, it in vars(package).items() if name.endswith("ModelFile"))
    file = torch.load(Path(weights.get_model_file_path()), map_location="cpu", weights_only=True)
    given = [tensor for key, tensor in file.items() if not key.startswith(CLASSIFIER)]
    encoder = network.get_submodule("encoder")
    wanted = encoder.state_dict()
    if [tuple(t.shape) for t in given] != [tuple(t.shape) for t in wanted.values()]:
        raise ModelError(
            "model.bundled-weights",
            f"the packaged weights ({len(given)} tensors) do not fit {name} ({len(wanted)}); "
            "is timm of the locked version?",
        )
    encoder.load_state_dict(dict(zip(wanted, given, strict=True)))
