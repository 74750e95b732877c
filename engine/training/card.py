"""A model's card: what it is, what it has seen of each class, and how well it does, for people to read."""

from __future__ import annotations

from typing import Any

from engine.checkpoint import Description
from engine.palette import Palette

RARE = 0.001  # of the training pixels: below, a class was hardly seen


def card(description: Description, file: str) -> str:
    """Markdown of what a trained model's own file tells (`Description.facts`)."""
    parts = [
        f"# {description.title}\n\n{_opening(description, file)}",
        f"## Data and terms\n\n{_data(description)}",
        f"## What it has seen\n\n{_seen(description.palette, description.facts)}",
        f"## Training\n\n{_training(description)}",
        f"## Validation\n\n{_validation(description.facts)}",
    ]
    return "\n\n".join(parts) + "\n"


def _opening(description: Description, file: str) -> str:
    network = description.network
    width = round(network.image_size * network.aspect)
    size = f"{network.image_size} px" if width == network.image_size else f"{width} × {network.image_size} px"
    folded = f", folded {network.patch} × {network.patch}" if network.patch > 1 else ""
    return (
        f"`{file}`: a painting model for {description.palette.title} ({description.palette.size} classes), "
        f"{size}{folded}, {network.model_channels} channels, predicting {network.prediction}."
    )


def _data(description: Description) -> str:
    facts = description.facts
    data = facts["data"]
    held_out = facts["validation"] == "held-out pairs"
    against = f"{facts['validation_pairs']:,} more held out" if held_out else "none held out"
    terms = f"Terms: {description.licence}" if description.licence else "Terms: none were given. Say them here."
    begun = facts.get("begun_with")
    source = f" It began with the weights of {begun['title']} (`{begun['file']}`)." if begun else ""
    return f"{facts['pairs']:,} pairs from `{data['folder']}` ({data['layout']}), {against}.{source} {terms}"


def _seen(palette: Palette, facts: dict[str, Any]) -> str:
    """A table of the classes that occur, then those that hardly do, then those that never do."""
    shares, maps = facts["class_share"], facts["class_maps"]
    names = [each.name for each in palette.classes if each.index != palette.unlabelled]
    order = sorted((name for name in names if name in shares), key=lambda name: -shares[name])
    rows = [f"| {name} | {100 * shares[name]:.2f} % | {maps[name]:,} |" for name in order]
    text = "\n".join(["| class | share of the training pixels | maps |", "|---|---|---|", *rows])
    unlabelled = palette.classes[palette.unlabelled].name
    if unlabelled in shares:
        text += f"\n\n{100 * shares[unlabelled]:.1f} % of the pixels were unlabelled."
    if rare := [name for name in order if shares[name] < RARE]:
        text += f"\n\n**Hardly seen** (less than {100 * RARE:g} % of the pixels): {', '.join(rare)}."
    if never := [name for name in names if name not in shares]:
        text += f"\n\n**Never seen**, {len(never)} of {len(names)} classes: {', '.join(never)}."
    return text


def _training(description: Description) -> str:
    facts = description.facts
    recipe = facts["recipe"]
    sentences = [
        f"{facts['images_seen']:,} pictures in batches of {recipe['batch']}",
        f"AdamW at {recipe['learning_rate']:g}",
        f"weights averaged with {recipe['ema']:g}",
        f"whole maps dropped with probability {recipe['drop_map']:g}, parts of maps with {recipe['clear_classes']:g}",
        f"{recipe['precision']}, on {facts['device']}, PyTorch {facts['torch']}",
    ]
    if recipe["min_snr"]:
        sentences.append(f"min-SNR weighting with gamma {recipe['min_snr']:g}")
    if recipe["cropping"] == "paper":
        sentences.append("resized and cropped as the published code does")
    return (
        "; ".join(sentences) + f". {description.schedule.capitalize()} schedule of {description.diffusion_steps} steps."
    )


def _validation(facts: dict[str, Any]) -> str:
    errors = facts["validation_eps_error"]
    return (
        f"On {facts['validation_pairs']:,} {facts['validation']}, mean squared error of ε at fixed noise over six "
        "timesteps:\n\n"
        "| right map | another pair's map | no map | right below wrong |\n|---|---|---|---|\n"
        f"| {errors['right']:.4f} | {errors['wrong']:.4f} | {errors['null']:.4f} | "
        f"in {100 * errors['wins']:.0f} % of the pairs |\n\n"
        "The further the first figure is below the second, the more the model heeds the map."
    )
