"""The network of a configuration."""

from __future__ import annotations

from engine.model.concatenated import InputUNet
from engine.model.config import NetworkConfig
from engine.model.unet import UNet

KINDS = {"spade": UNet, "input": InputUNet}


def new_network(config: NetworkConfig) -> UNet:
    """With fresh weights, conditioned as the configuration says."""
    return KINDS[config.condition](config)
