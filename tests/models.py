"""Networks small enough for a test: the architecture whole, a few thousand random weights."""

from __future__ import annotations

import dataclasses

import torch

from engine.checkpoint import Description
from engine.library import Model, ready
from engine.model.config import NetworkConfig
from engine.model.networks import new_network
from engine.model.unet import UNet
from engine.palette import load_palette

TINY = NetworkConfig(
    image_size=16,
    num_classes=13,
    model_channels=32,
    channel_mult=(1, 1),
    num_res_blocks=1,
    attention_resolutions=(8,),
    num_head_channels=32,
    spade_hidden=8,
)


def tiny_network(seed: int = 0, **changes) -> UNet:
    """A fresh network ends in zeros; here every weight is random, so that everything acts on the output."""
    network = new_network(dataclasses.replace(TINY, **changes))
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * (0.3 / max(1, parameter[0].numel()) ** 0.5)
    return network.eval().requires_grad_(False)


def tiny_model(seed: int = 0, **changes) -> Model:
    network = tiny_network(seed, **changes)
    description = Description("Tiny", network.config, load_palette("facades"))
    return ready("tiny", network, description)
