"""What is recorded once and replayed gives what a plain run gives. `record` is a fake here, since graphs need a GPU."""

import logging
from collections.abc import Callable
from dataclasses import fields

import pytest
import torch
from models import tiny_network
from torch import Tensor

from engine.condition import condition_from
from engine.denoiser import NetworkDenoiser, SharedEncoder, TwoBranches, clipped
from engine.graphs import CapturedNetwork
from engine.guidance import Guidance, guided
from engine.model.unet import Features, UNet
from engine.samplers import ddim
from engine.schedule import alpha_bars
from engine.trajectory import walk

SIZE = (16, 24)


class Recorder:
    """Records as a GPU does: replaying computes again, from what now stands in the inputs, into the same tensors."""

    def __init__(self) -> None:
        self.records = self.replays = 0

    def __call__(self, run: Callable[[], Tensor | Features]) -> Callable[[], Tensor | Features]:
        self.records += 1
        result = run()
        for tensor in tensors(result):
            tensor.fill_(float("nan"))  # recording computes nothing

        def replay() -> Tensor | Features:
            self.replays += 1
            for held, fresh in zip(tensors(result), tensors(run()), strict=True):
                held.copy_(fresh)
            return result

        return replay


def tensors(result: Tensor | Features) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    return [each for field in fields(result) for each in flat(getattr(result, field.name))]


def flat(value: Tensor | tuple) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [tensor for each in value for tensor in flat(each)]


@pytest.fixture(scope="module")
def network() -> UNet:
    return tiny_network()


@torch.inference_mode()
def sampled(network: UNet | CapturedNetwork, plain: UNet, batch: int = 2, guidance: Guidance | None = None) -> Tensor:
    """(steps, N, 3, H, W): the state after every step of a guided run."""
    labels = torch.randint(13, (1, *SIZE), generator=torch.Generator().manual_seed(0))
    encoder = SharedEncoder(network)
    modulations = plain.modulate(condition_from(labels, 13)), plain.modulate_null(*SIZE)
    branches = TwoBranches(*(NetworkDenoiser(encoder, each) for each in modulations))
    x = torch.randn(batch, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    denoise = clipped(guided(branches, guidance or Guidance(2.0)))
    return torch.stack([step.x for step in ddim(denoise, x, walk(alpha_bars("linear"), "trailing", 6))])


def test_replayed_is_plain(network):
    record = Recorder()
    captured = CapturedNetwork(network, record)
    assert torch.equal(sampled(captured, network), sampled(network, network))
    assert record.records == 3  # the encoder, and the decoder for each of two maps
    assert record.replays == 3 * 6


def test_a_branch_that_rests_for_some_steps_is_not_recorded_again(network):
    guidance, record = Guidance(2.0, interval=(0.3, 0.7)), Recorder()
    captured = CapturedNetwork(network, record)
    assert torch.equal(sampled(captured, network, guidance=guidance), sampled(network, network, guidance=guidance))
    assert record.records == 3
    assert 2 * 6 < record.replays < 3 * 6


def test_other_shapes_and_other_maps_are_recorded_anew(network):
    """Also a second run on the same network, whose modulations may come to lie where the first one's were."""
    record = Recorder()
    captured = CapturedNetwork(network, record)
    for batch, records in ((2, 3), (1, 6), (2, 8)):  # the last run finds its encoder, but brings its own modulations
        assert torch.equal(sampled(captured, network, batch), sampled(network, network, batch))
        assert record.records == records


@torch.inference_mode()
def test_timesteps_that_differ_in_a_batch_are_another_shape(network):
    captured = CapturedNetwork(network, Recorder())
    x = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    for timesteps in (torch.tensor([5.0]), torch.tensor([5.0, 700.0]), torch.tensor([9.0])):
        found, expected = captured.encode(x, timesteps), network.encode(x, timesteps)
        assert all(map(torch.equal, tensors(found), tensors(expected)))


@torch.inference_mode()
def test_what_was_handed_out_is_not_overwritten_by_the_next_replay(network):
    captured, modulations = CapturedNetwork(network, Recorder()), network.modulate_null(*SIZE)
    first, second = (
        captured.decode(captured.encode(torch.full((1, 3, *SIZE), value), torch.tensor([5.0])), modulations)
        for value in (0.0, 1.0)
    )
    assert not torch.equal(first, second)


@pytest.mark.parametrize("recordings", [0, 1, 2])
def test_where_recording_fails_it_goes_on_plainly_and_says_so_once(network, recordings, caplog):
    record = Recorder()

    def fails_after_some(run):
        if record.records == recordings:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        return record(run)

    captured = CapturedNetwork(network, fails_after_some)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(sampled(captured, network), sampled(network, network))
    assert captured.plain
    assert [r.getMessage() for r in caplog.records] == [
        "CUDA graphs are off for this picture: CUDA error: operation not permitted when stream is capturing"
    ]


def test_memory_that_runs_out_in_recording_is_told_to_whoever_steps_down(network):
    def fails(run):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        sampled(CapturedNetwork(network, fails), network)


def test_errors_of_the_program_are_not_taken_for_the_driver_s(network):
    def wrong(run):
        raise TypeError("a defect")

    with pytest.raises(TypeError):
        sampled(CapturedNetwork(network, wrong), network)


def test_it_stands_in_for_the_network(network):
    captured = CapturedNetwork(network, Recorder())
    assert captured.config is network.config
    timestep = torch.tensor([3.0])
    for found, expected in zip(captured.decoder_times(timestep), network.decoder_times(timestep), strict=True):
        assert all(map(torch.equal, found, expected))
