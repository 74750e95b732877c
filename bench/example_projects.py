"""Makes the example projects of the page from the example maps: python bench/example_projects.py.

Each holds a map, the settings, and one picture by the shipped model, so that a newcomer sees at once what is asked for
and what comes.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.bundle import SUFFIX, write_project  # noqa: E402 (the project is no package)
from app.canvas import Painted  # noqa: E402
from app.opening import project_of  # noqa: E402
from app.orders import render_order  # noqa: E402
from app.settings import Settings  # noqa: E402
from engine.label_files import read_label_map  # noqa: E402
from engine.library import load_model  # noqa: E402
from engine.pipeline import pictures_of  # noqa: E402
from engine.writing import save_png  # noqa: E402

EXAMPLES = ROOT / "app" / "static" / "examples"
SEEDS = {"1": 8, "2": 5, "3": 7}  # chosen by eye, out of eight


def main() -> None:
    model = load_model("scenes", "cpu", "float32")  # the same picture wherever this is run
    for file in sorted((EXAMPLES / model.palette.name).glob("*.png")):
        painted = Painted(read_label_map(file, model.palette).labels, model.palette.name)
        settings = Settings(model.name, SEEDS.get(file.stem.partition("-")[0], 1))
        order = render_order(painted, settings, model.palette)
        picture = io.BytesIO()
        save_png(picture, pictures_of(order.frames(model))[0], order.record(0))
        target = file.with_suffix(SUFFIX)
        write_project(target, project_of(painted, settings, results=(picture.getvalue(),)))
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
