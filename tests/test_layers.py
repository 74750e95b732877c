"""The structure of the project: imports point down, siblings leave each other alone."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the top down. A module may import what stands on a line below its own. A package is one entry: its modules may
# also import each other.
RANKS = [
    ["launch"],
    ["app.commands"],
    ["app.serving"],
    ["app.ui", "app.cli", "app.progress"],
    ["app.results", "app.exchange", "app.photo_panel"],
    ["app.feed", "app.statusline", "app.endpoints", "app.panel", "app.choosing", "app.stack_view"],
    ["app.handlers"],
    ["app.drafts", "app.photos"],
    ["app.orders"],
    ["app.opening", "app.catalogue", "app.batch", "app.history"],
    ["app.shelf", "app.words", "app.sight", "app.finding", "app.index_file", "app.pruning"],
    ["app.stack", "app.kept_settings", "app.exports", "app.edit_files"],
    ["app.jobs", "app.project", "app.canvas", "app.guard", "app.converting", "app.settings", "app.pictures"],
    ["app.bundle", "app.remap", "app.watching", "app.scripts"],
    ["app.modules"],
    ["engine"],  # what `import engine` brings
    ["engine.evaluation"],
    ["engine.fidelity"],
    ["engine.segmentation"],
    ["engine.training", "engine.api", "engine.seen"],
    ["engine.pipeline", "engine.convert"],
    ["engine.mapped"],
    ["engine.plan"],
    ["engine.library"],
    ["engine.resampling", "engine.editing"],
    ["engine.samplers", "engine.noise", "engine.guidance", "engine.checkpoint", "engine.windows"],
    ["engine.denoiser", "engine.trajectory", "engine.modulation"],
    ["engine.condition", "engine.graphs", "engine.memory", "engine.maps", "engine.montage"],
    ["engine.areas"],
    ["engine.model", "engine.schedule", "engine.label_files", "engine.translate", "engine.sizes"],
    ["engine.label_colours", "engine.vector", "engine.swatches"],
    ["engine.writing", "engine.resizing"],
    ["engine.palette", "engine.images", "engine.record", "engine.presets", "engine.device", "engine.diversity"],
    ["engine.label_change"],
    ["engine.archives", "engine.blends", "engine.blending"],
    ["engine.grain"],
    ["engine.tiles"],
    ["engine.types", "engine.json_file"],
]
RANK = {entry: len(RANKS) - line for line, entries in enumerate(RANKS) for entry in entries}

SOURCES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in [ROOT / "launch.py", *(ROOT / "app").rglob("*.py"), *(ROOT / "engine").rglob("*.py")]
    if file.stat().st_size  # an empty __init__.py imports nothing
}


def imports_of(tree: ast.AST) -> Iterator[str]:
    """The full names that `tree` imports anywhere in it, inside functions too: `from app import cli` is app.cli."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full, not relative"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def entry_of(name: str) -> str | None:
    """The entry of the table that a module, or something imported out of one, belongs to."""
    parts = (entry for entry in RANK if entry != "engine")  # what is in the package has entries of its own
    return name if name in RANK else next((entry for entry in parts if name.startswith(entry + ".")), None)


def top(name: str) -> str:
    return name.partition(".")[0]


def tree_of(module: str) -> ast.Module:
    return ast.parse(SOURCES[module].read_text(encoding="utf-8"))


def complaints(module: str, tree: ast.AST) -> list[str]:
    """What `module` imports that it must not."""
    found = []
    for name in imports_of(tree):
        if top(name) not in ("launch", "app", "engine"):
            continue
        source, target = entry_of(module), entry_of(name)
        if target is None:
            found.append(f"{module} imports {name}, which has no rank")
        elif source != target and RANK[target] >= RANK[source]:
            found.append(f"{module} imports {name}, which does not stand below it")
    return found


@pytest.mark.parametrize("module", SOURCES)
def test_every_module_has_a_rank(module):
    assert entry_of(module), f"{module} is not in RANKS of {Path(__file__).name}: add it where its imports allow."


@pytest.mark.parametrize("module", [module for module in SOURCES if entry_of(module)])
def test_imports_point_down(module):
    assert not complaints(module, tree_of(module))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("engine.types", "from engine.palette import Palette"),
        ("engine.samplers", "from engine import guidance"),
        ("engine.pipeline", "def f():\n    import app.ui"),
        ("app.jobs", "from app.project import save"),
        ("app.ui", "from app import nonesuch"),
        ("engine.pipeline", "import engine"),
        ("app.ui", "from engine import render"),
    ],
)
def test_a_wrong_import_is_seen(module, line):
    assert complaints(module, ast.parse(line))


def test_a_package_may_import_its_own_modules_and_those_below():
    assert not complaints("engine.model.unet", ast.parse("from engine.model import blocks\nimport engine.types, torch"))


@pytest.mark.parametrize("module", [module for module in SOURCES if top(module) == "engine"])
def test_the_engine_does_not_know_gradio(module):
    assert not {"gradio", "gradio_client"} & {top(name) for name in imports_of(tree_of(module))}


@pytest.mark.parametrize("module", ["launch", *(module for module in SOURCES if entry_of(module) == "app.cli")])
def test_help_needs_the_standard_library_alone(module):
    statements = [node for node in tree_of(module).body if isinstance(node, ast.Import | ast.ImportFrom)]
    foreign = {name for node in statements for name in imports_of(node) if top(name) not in sys.stdlib_module_names}
    assert {entry_of(name) for name in foreign} <= {"app.cli"}
    assert "app" not in SOURCES  # an app/__init__.py with content would be imported with app.cli
