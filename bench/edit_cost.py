"""What a small edit of a large photo costs beside the same edit of a crop of it, and where the rest of the time goes.

    python3 bench/edit_cost.py [--model scenes] [--megapixels 24] [--rounds 5]

Prints medians in ms of processor time (so that other work beside it does not count): the edit, what packs its
record, and what writes the picture, packed as we do and as Pillow does by itself. The photo is made up: waves of
several sizes with a camera's grain, so that it compresses as photos do.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.pipeline import edit, load_model, pictures_of
from engine.record import record
from engine.types import EditRequest, Photo, Sampling
from engine.writing import save_png

REGION = 96  # pixels a side
CROP = 512
GRAIN = 4.0  # levels of 255


def made_up(height: int, width: int) -> Photo:
    """A picture with structure of every size, and grain."""
    rng = np.random.default_rng(0)
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    waves = sum(np.sin(rows / size) * np.cos(columns / size) for size in (2000, 400, 90, 20, 6))
    photo = np.empty((height, width, 3), np.uint8)
    for channel, tint in enumerate((1.0, 0.9, 0.7)):
        grain = rng.standard_normal((height, width), dtype=np.float32) * GRAIN
        photo[:, :, channel] = np.clip(128 + 22 * tint * waves + grain, 0, 255)
    return photo


def request_of(photo: Photo, model: str, at: tuple[int, int]) -> EditRequest:
    """A square region about a point, to become another class."""
    region = np.zeros(photo.shape[:2], bool)
    region[tuple(slice(middle - REGION // 2, middle + REGION // 2) for middle in at)] = True
    return EditRequest(model, region.astype(np.uint8), photo, region, sampling=Sampling(), growth=4)


def median(work: Callable[[], object], rounds: int) -> float:
    """ms of processor time; the first is not counted."""
    taken = []
    for _ in range(rounds + 1):
        begun = time.process_time()
        work()
        taken.append((time.process_time() - begun) * 1000)
    return statistics.median(taken[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="scenes")
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    model = load_model(args.model)
    height = round((args.megapixels * 1e6 / 1.5) ** 0.5)
    photo = made_up(height, round(height * 1.5))
    middle = [side // 2 for side in photo.shape[:2]]
    crop = np.ascontiguousarray(photo[tuple(slice(at - CROP // 2, at + CROP // 2) for at in middle)])
    large, small = request_of(photo, args.model, middle), request_of(crop, args.model, (CROP // 2, CROP // 2))
    print(f"{model.name} on {model.device}, {model.precision}; {photo.shape[1]} x {photo.shape[0]}, {REGION} px marked")
    costs = {}
    for name, request in (
        ("the crop", small),
        ("the photo", large),
        ("the photo, whole", replace(large, extent="whole", blend="plain")),
    ):
        costs[name] = median(lambda request=request: pictures_of(edit(model, request)), args.rounds)
        print(f"edit of {name}: {costs[name]:.0f} ms, x{costs[name] / costs['the crop']:.2f} of the crop's")
    stored = record(large, model.palette.name, 0)
    print(f"its record: {median(lambda: record(large, model.palette.name, 0), args.rounds):.0f} ms")
    for how, write in (
        ("saved as we do", lambda target: save_png(target, photo, stored)),
        ("by Pillow alone", lambda target: Image.fromarray(photo).save(target, "PNG")),
    ):
        target = BytesIO()
        write(target)
        print(f"{how}: {median(lambda write=write: write(BytesIO()), 1):.0f} ms, {target.tell() / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
