"""Two runs of the train command beside each other, such as SPADE against the map at the input: what they cost, and what
their models have learnt of the map.

    python3 bench/ablation.py --runs RUN RUN --data DIR --out DIR      (a folder with images/ and labels/)

Equal compute is an equal product of arithmetic a picture and pictures seen. `--images N` prints how many each run is to
see for that, the first one's being N, before anything is taught: then the runs need no more than their `recipe.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.map_following import distances, in_words
from bench.training import batches
from engine.checkpoint import read_description
from engine.evaluation.request import EvaluationRequest, settings_of
from engine.evaluation.run import run
from engine.model.config import NetworkConfig
from engine.model.networks import new_network
from engine.model.spade import Condition
from engine.pipeline import load_model
from engine.training.crops import picture_size
from engine.training.recipe import Recipe
from engine.training.run import CHECKPOINT
from engine.training.trainer import Trainer

ROUNDS = 3
GUIDANCE = 1.5


def arithmetic(config: NetworkConfig, classes: int) -> tuple[float, float]:
    """Billions of multiply-adds of one training picture: forward, and with its gradient."""
    network, size = new_network(config), picture_size(config)
    maps, found = Condition(torch.zeros(1, classes, *size), torch.arange(classes)), []
    for learning in (False, True):
        with FlopCounterMode(display=False) as counter:
            out = network(torch.zeros(1, 3, *size), torch.tensor([1]), maps)
            if learning:
                out.sum().backward()
        found.append(counter.get_total_flops() / 2e9)
    return found[0], found[1]


def seconds(recipes: Sequence[Recipe], classes: int) -> list[float]:
    """CPU time of a training picture on one thread, the least of a few rounds in turn."""
    torch.set_num_threads(1)
    trainers = [Trainer(each, batches(each), torch.arange(classes), torch.device("cpu")) for each in recipes]
    taken: list[list[float]] = [[] for _ in recipes]
    for step in range(ROUNDS + 1):
        for trainer, times in zip(trainers, taken, strict=True):
            started = time.process_time()
            trainer.step(step).item()
            times.append((time.process_time() - started) / trainer.recipe.batch)
    return [min(times[1:]) for times in taken]  # the first step warms up


def learnt(path: Path, data: Path, out: Path, maps: int) -> dict[str, str]:
    """What the model of a run does: as validation found, coarse colours, and what our segmenter sees."""
    facts = read_description(path).facts
    errors = facts["validation_eps_error"]
    model = load_model(path)
    sampling = settings_of("fast", {"sampler": "ddim", "steps": 20, "guidance": GUIDANCE})
    right, wrong = distances(model, data, replace(sampling[0].sampling, seeds=(7,)))
    *_, last = run(EvaluationRequest(path, data, out / path.parent.name, sampling, samples=1, maps=maps))
    figures = last.measured.figures
    return {
        "ε error: right map": f"{errors['right']:.4f}",
        "another photo's map": f"{errors['wrong']:.4f}",
        "no map": f"{errors['null']:.4f}",
        "right below wrong": f"{errors['wins']:.0%} of pairs",
        "coarse colours": in_words(right, wrong),
        **{name: figures[name].text(percent=True) for name in ("mIoU", "accuracy")},
        "Fréchet distance, our features": figures["frechet ours"].text(),
    }


def table(names: Sequence[str], columns: Sequence[dict[str, str]]) -> str:
    lines = [f"| {row} | {' | '.join(each[row] for each in columns)} |" for row in columns[0]]
    return "\n".join([f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of the train command")
    parser.add_argument("--images", type=int, help="only say how many pictures of each are equal compute")
    parser.add_argument("--classes", type=int, default=21, help="that occur in the training set: others cost nothing")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--maps", type=int, default=24, help="held-out maps that the segmenter looks at")
    args = parser.parse_args()
    if not args.images and not (args.data and args.out):
        parser.error("give --data and --out, or --images")
    recipes = [Recipe.from_dict(json.loads((each / "recipe.json").read_text())) for each in args.runs]
    costs = [arithmetic(each.network, args.classes) for each in recipes]
    if args.images:
        for path, (_, cost) in zip(args.runs, costs, strict=True):
            print(f"{path.name}: {round(args.images * costs[0][1] / cost)} pictures of {cost:.2f} GMAC")
        return
    times, columns = seconds(recipes, args.classes), []
    for path, recipe, (forward, both), taken in zip(args.runs, recipes, costs, times, strict=True):
        pictures = read_description(path / CHECKPOINT).facts["images_seen"]
        numbers = sum(p.numel() for p in new_network(recipe.network).parameters())
        columns.append(
            {
                "parameters": f"{numbers / 1e6:.1f} M",
                "GMAC a picture, forward": f"{forward:.2f}",
                "with its gradient": f"{both:.2f}",
                "pictures seen": f"{pictures:,}",
                "TMAC in all": f"{pictures * both / 1000:.1f}",
                "training seconds a picture": f"{taken:.3f}",
                **learnt(path / CHECKPOINT, args.data, args.out, args.maps),
            }
        )
    print(table([each.name for each in args.runs], columns))


if __name__ == "__main__":
    main()
