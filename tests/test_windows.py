"""Windows cover a picture, agree where they overlap, and leave no seam."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from engine.denoiser import Denoiser
from engine.guidance import Guidance, guided
from engine.types import Level, Prediction
from engine.windows import Window, Windowed, layout, weight

LEVEL = Level(timestep=500.0, alpha=0.6, sigma=0.8)

SIZES = [
    (64, 96, (32, 48), 2),
    (64, 96, (64, 48), 16),
    (2, 200, (16, 16), 2),
    (200, 2, (24, 2), 2),
    (96, 96, (90, 94), 2),
    (448, 128, (128, 128), 32),
    (128, 320, (64, 64), 32),
]


@dataclass
class Pointwise:
    """Branches that see one pixel at a time, and so say the same of it in every window."""

    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(self, x: Tensor, level: Level) -> Prediction:
        self.shapes.append(tuple(x.shape))
        return Prediction(x.sin(), x.cos() * level.sigma, x * level.alpha)

    def both(self, x: Tensor, level: Level) -> tuple[Prediction, Prediction]:
        p = self(x, level)
        return p, Prediction(-p.x0, p.eps / 2, p.log_variance + 1)


def parts(p: Prediction) -> tuple[Tensor, Tensor, Tensor]:
    return p.x0, p.eps, p.log_variance


def noise(height: int, width: int) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))


# --- Where they lie ---


@pytest.mark.parametrize(("height", "width", "largest", "stride"), SIZES)
def test_windows_cover_every_pixel_in_whole_strides(height, width, largest, stride):
    windows = layout(height, width, largest, stride)
    covered = torch.zeros(height, width)
    for window in windows:
        covered[window.area] += 1
        assert window.height <= largest[0]
        assert window.width <= largest[1]
        assert not [n for n in (window.top, window.left, window.height, window.width) if n % stride]
        assert 0 <= window.top <= height - window.height
        assert 0 <= window.left <= width - window.width
    assert covered.min() >= 1
    assert len(set(windows)) == len(windows)


@pytest.mark.parametrize(("height", "width", "largest", "stride"), SIZES)
def test_neighbours_overlap_by_a_quarter(height, width, largest, stride):
    windows = layout(height, width, largest, stride)
    tops, lefts = sorted({w.top for w in windows}), sorted({w.left for w in windows})
    for starts, side in ((tops, windows[0].height), (lefts, windows[0].width)):
        for a, b in pairwise(starts):
            assert a + side - b >= side / 4


def test_there_are_no_more_windows_than_needed():
    assert len(layout(64, 64, (64, 64), 2)) == 1
    assert len(layout(62, 60, (64, 64), 2)) == 1
    assert len(layout(64, 112, (64, 64), 2)) == 2  # 64 + 3/4 of 64
    assert len(layout(64, 114, (64, 64), 2)) == 3


@pytest.mark.parametrize(("height", "width", "largest", "stride"), SIZES)
def test_the_shares_of_a_pixel_sum_to_one(height, width, largest, stride):
    windowed = Windowed(layout(height, width, largest, stride), lambda window: Pointwise(), height, width)
    total = torch.zeros(height, width, dtype=torch.float64)
    for window, share in zip(windowed.windows, windowed.shares, strict=True):
        assert share.min() > 0
        total[window.area] += share.double()
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-6, rtol=0)


def test_a_weight_falls_towards_the_neighbours_alone():
    corner = weight(Window(0, 0, 32, 32), 64, 64)
    assert corner[0, 0] == 1
    assert corner[0].tolist() == corner[:, 0].tolist()
    assert corner[0, 23] == 1
    assert corner[0, 24:].tolist() == sorted(corner[0, 24:].tolist(), reverse=True)
    assert 0 < corner[0, 31] < 0.1
    middle = weight(Window(16, 16, 32, 32), 64, 64)
    assert middle[16, 16] == 1
    torch.testing.assert_close(middle, middle.flip(0, 1))


# --- What they make ---


def test_one_window_is_the_plain_denoiser():
    x, plain = noise(32, 48), Pointwise()
    windowed = Windowed(layout(32, 48, (32, 48), 2), lambda window: plain, 32, 48)
    for found, expected in zip(
        [windowed(x, LEVEL), *windowed.both(x, LEVEL)], [plain(x, LEVEL), *plain.both(x, LEVEL)], strict=True
    ):
        assert all(map(torch.equal, parts(found), parts(expected)))


@pytest.mark.parametrize(("height", "width", "largest", "stride"), SIZES)
def test_what_all_windows_agree_on_stays_as_it_is(height, width, largest, stride):
    x, plain = noise(height, width), Pointwise()
    windowed = Windowed(layout(height, width, largest, stride), lambda window: plain, height, width)
    found = [windowed(x, LEVEL), *windowed.both(x, LEVEL)]
    for p, expected in zip(found, [plain(x, LEVEL), *plain.both(x, LEVEL)], strict=True):
        for part, wanted in zip(parts(p), parts(expected), strict=True):
            torch.testing.assert_close(part, wanted, atol=1e-6, rtol=0)
    of_windows = plain.shapes[:-2]
    assert {shape[2:] for shape in of_windows} == {(w.height, w.width) for w in windowed.windows}


def test_guidance_runs_over_windows_as_over_a_whole_picture():
    x, plain = noise(64, 64), Pointwise()
    windowed = Windowed(layout(64, 64, (32, 32), 2), lambda window: plain, 64, 64)
    for guidance in (Guidance(1.0), Guidance(2.5), Guidance(2.5, stop=0.1)):
        found, expected = guided(windowed, guidance)(x, LEVEL), guided(plain, guidance)(x, LEVEL)
        torch.testing.assert_close(found.eps, expected.eps, atol=1e-5, rtol=0)


@pytest.mark.parametrize("largest", [(128, 128), (64, 128), (64, 64)])
def test_windows_that_disagree_leave_no_seam(largest):
    """Each says another constant: what comes out passes from one to the next in small steps."""
    windows = layout(128, 320, largest, 8)
    generator = torch.Generator().manual_seed(0)
    constants = {window: torch.rand((), generator=generator).item() for window in windows}

    def says(window: Window) -> Denoiser:
        value = constants[window]
        return lambda x, level: Prediction(*(torch.full_like(x, value) for _ in range(3)))

    x0 = Windowed(windows, says, 128, 320)(noise(128, 320), LEVEL).x0[0, 0]
    apart = max(constants.values()) - min(constants.values())
    steps = torch.cat([x0.diff(dim=0).abs().flatten(), x0.diff(dim=1).abs().flatten()])
    assert steps.max() < apart * 8 / min(largest)  # an overlap is at least a quarter of a window
    assert x0.max() - x0.min() > apart / 2
    assert min(constants.values()) - 1e-6 <= x0.min()
    assert x0.max() <= max(constants.values()) + 1e-6


def test_the_noisy_picture_is_left_alone_and_windows_may_change_their_part():
    x = noise(64, 64)
    before = x.clone()

    def scribbles(x: Tensor, level: Level) -> Prediction:
        x.zero_()
        return Prediction(x, x, x)

    Windowed(layout(64, 64, (32, 32), 2), lambda window: scribbles, 64, 64)(x, LEVEL)
    assert torch.equal(x, before)
