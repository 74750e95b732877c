"""What every test may rely on."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before the first import of gradio
os.environ.setdefault("OMP_NUM_THREADS", "1")  # and of torch: threads of small networks wait for each other most


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what drives a browser."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with datasets and reference values, too large for the project: SPADEWORK_SHARED or ../shared.

    Skips the test where it is absent.
    """
    folder = Path(os.environ.get("SPADEWORK_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"needs the folder {folder} (or SPADEWORK_SHARED naming another)")
    return folder
