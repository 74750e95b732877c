"""A network made ready to sample: in the precision and the memory layout that its device is fastest in."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from engine.model.blocks import AttentionBlock, Downsample, ResBlock, Upsample, double, halve
from engine.model.unet import UNet


def prepare(network: UNet, device: torch.device, dtype: torch.dtype) -> UNet:
    """Moves the network, in place, to `device` and `dtype`; afterwards it is good for inference alone.

    The timestep's path, the norms' own scales and the last convolution stay in float32. On the CPU the convolutions'
    weights are laid out once as its kernels want them, instead of at every call.
    """
    network.requires_grad_(False).eval()
    network.to(device)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv1d):
            module.to(dtype)
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
        if isinstance(module, AttentionBlock):
            module.entropy_scaled = True
    network.out[2].float()
    if device.type == "cpu" and packable(dtype):
        pack_convolutions(network)
    return network


def packable(dtype: torch.dtype) -> bool:
    """Whether this computer's oneDNN computes in it; where not, plain convolutions still do, slowly."""
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


class PackedConvolution(nn.Module):
    """A 2-D convolution whose weights stand in the blocked layout of oneDNN that suits features of `side` cells."""

    def __init__(self, convolution: nn.Conv2d, side: int) -> None:
        super().__init__()
        self.stride, self.padding = list(convolution.stride), list(convolution.padding)
        self.dtype = convolution.weight.dtype
        self.register_buffer("bias", convolution.bias.detach(), persistent=False)
        self.packed = torch._C._nn.mkldnn_reorder_conv2d_weight(
            convolution.weight.detach().to_mkldnn(),
            self.padding,
            self.stride,
            [1, 1],
            1,
            [1, convolution.in_channels, side, side],  # without it, some sizes are fifty times slower
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, c, h, w) -> (N, c', h', w')."""
        return torch.ops.mkldnn._convolution_pointwise(
            x, self.packed, self.bias, self.padding, self.stride, [1, 1], 1, "none", [], ""
        )


def pack_convolutions(network: UNet) -> None:
    """Replaces the convolutions of the coarse levels, whose weights are more than what they act on, so that laying
    them out anew takes longer than convolving. On the fine levels it is the other way round, and plain is faster."""
    finest = network.config.image_size // network.config.patch
    for block, stride in residual_blocks(network):
        side = finest // stride
        for part in (block.in_layers, block.out_layers):
            if 9 * part[-1].out_channels > side**2:
                part[-1] = PackedConvolution(part[-1], side)
        if isinstance(block.skip_connection, nn.Conv2d) and block.skip_connection.out_channels > side**2:
            block.skip_connection = PackedConvolution(block.skip_connection, side)


def residual_blocks(network: UNet) -> Iterator[tuple[ResBlock, int]]:
    """Each with the stride (in grid cells) that it convolves at."""
    stride = 1
    for layer in (
        each for block in (*network.input_blocks, network.middle_block, *network.output_blocks) for each in block
    ):
        resample = layer.resample if isinstance(layer, ResBlock) else None
        if isinstance(layer, Downsample) or resample is halve:
            stride *= 2
        if isinstance(layer, Upsample) or resample is double:
            stride //= 2
        if isinstance(layer, ResBlock):
            yield layer, stride
