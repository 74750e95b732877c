"""What was found in a converted checkpoint, in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.convert.conversion import Conversion


def report(conversion: Conversion, out: Path) -> str:
    """A line for each thing that decides how the model is used, then what is worth a second look."""
    about, network = conversion.description, conversion.description.network
    facts = {
        "model": f"{about.title}: {out}, {megabytes(out)}",
        "from": f"{conversion.source.name}, {megabytes(conversion.source)}",
        "parameters": f"{conversion.parameters / 1e6:.1f} M, stored as {str(conversion.dtype).removeprefix('torch.')}",
        "classes": f"{network.num_classes} of {about.palette.title}, "
        + ("and a channel of instance edges" if network.instance_edges else "no edge channel"),
        "image size": f"{network.image_size} px",
        "network": f"{network.model_channels} channels × ({listed(network.channel_mult)}), "
        f"{network.num_res_blocks} residual blocks a level, {network.spade_hidden} channels in SPADE",
        "attention": f"at {listed(network.attention_resolutions)}, "
        + (
            f"{network.num_heads} heads"
            if network.num_head_channels == -1
            else f"{network.num_head_channels} channels a head"
        ),
        "variance": "learned" if network.learn_sigma else "fixed",
        "schedule": f"{about.schedule}, {about.diffusion_steps} steps",
    }
    width = max(map(len, facts))
    lines = [f"{name:{width}}  {text}" for name, text in facts.items()]
    return "\n".join([*lines, *conversion.remarks])


def megabytes(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:,.1f} MB"


def listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers) or "no level but the deepest"
