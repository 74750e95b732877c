import pytest
import torch
from models import TINY, tiny_network
from torch.nn import functional

from engine.condition import condition_from, instance_edges, null_condition
from engine.model.blocks import timestep_embedding
from engine.model.config import PUBLISHED_MULTIPLIERS, NetworkConfig
from engine.model.spade import Condition, group_norm
from engine.model.unet import UNet
from engine.types import UserError


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.randint(13, (2, 16, 24), generator=torch.Generator().manual_seed(0))


def inputs(height: int = 16, width: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, height, width, generator=generator), torch.tensor([3, 700])


def test_the_published_network_has_660_6_million_parameters():
    with torch.device("meta"):
        network = UNet(NetworkConfig(image_size=256, num_classes=151))
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 660.6
    assert network.config.channel_mult == PUBLISHED_MULTIPLIERS[256]


def test_only_the_classes_that_occur_equals_all_channels(labels):
    network, (x, t) = tiny_network(), inputs()
    dense = Condition(functional.one_hot(labels, 13).permute(0, 3, 1, 2).float())
    few = condition_from(labels.clamp(max=4), 13)
    assert few.maps.shape[1] == 5
    torch.testing.assert_close(network(x, t, condition_from(labels, 13)), network(x, t, dense), atol=1e-5, rtol=0)
    clamped = Condition(functional.one_hot(labels.clamp(max=4), 13).permute(0, 3, 1, 2).float())
    torch.testing.assert_close(network(x, t, few), network(x, t, clamped), atol=1e-5, rtol=0)


def test_null_is_zeros_over_every_channel():
    network, (x, t) = tiny_network(), inputs()
    zeros = Condition(torch.zeros(2, 13, 16, 24))
    torch.testing.assert_close(network(x, t, null_condition(2, 16, 24)), network(x, t, zeros), atol=1e-6, rtol=0)


def test_the_parts_make_the_whole(labels):
    network, (x, t) = tiny_network(), inputs()
    condition = condition_from(labels, 13)
    modulations = network.modulate(condition)
    assert len(modulations) == len(network.spades)
    parts = network.decode(network.encode(x, t), modulations)
    torch.testing.assert_close(parts, network(x, t, condition), atol=0, rtol=0)


def test_one_map_serves_a_batch(labels):
    network, (x, t) = tiny_network(), inputs()
    one = network.modulate(condition_from(labels[:1], 13))
    both = network.modulate(condition_from(labels[:1].expand(2, -1, -1), 13))
    features = network.encode(x, t)
    torch.testing.assert_close(network.decode(features, one), network.decode(features, both), atol=1e-5, rtol=0)


def test_inference_gives_what_training_gives(labels):
    """Without gradients features are overwritten in their own memory: nothing else may have held on to them."""
    network, (x, t) = tiny_network(), inputs()
    condition = condition_from(labels, 13)
    with torch.enable_grad():
        expected = network(x, t, condition)
    with torch.inference_mode():
        features, modulations = network.encode(x, t), network.modulate(condition)
        before = [each.clone() for each in features.maps]
        for _ in range(2):
            torch.testing.assert_close(network.decode(features, modulations), expected, atol=1e-5, rtol=0)
        assert all(map(torch.equal, features.maps, before))
        assert torch.equal(network.encode(x, t).maps[-1], before[-1])


def test_a_shared_timestep_is_that_of_every_picture(labels):
    network, (x, _) = tiny_network(), inputs()
    modulations = network.modulate(condition_from(labels, 13))
    shared, each = (network.decode(network.encode(x, t), modulations) for t in (torch.ones(1) * 5, torch.ones(2) * 5))
    torch.testing.assert_close(shared, each, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(128, 128), (256, 96), (31, 67)])
@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_norms_of_large_features_are_precise_in_every_layout(size, mean):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 64, *size, generator=generator) + mean
    weight, bias = torch.rand(2, 64, generator=generator) + 0.5
    expected = functional.group_norm(x.double(), 32, weight.double(), bias.double(), 1e-5).float()
    with torch.inference_mode():
        for layout in (torch.contiguous_format, torch.channels_last):
            found = group_norm(x.contiguous(memory_format=layout), weight, bias)
            assert found.is_contiguous(memory_format=layout)
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_folding_pixels_keeps_the_picture_size(labels, patch):
    network, (x, t) = tiny_network(patch=patch), inputs()
    output = network(x, t, condition_from(labels, 13))
    assert output.shape == (2, 6, 16, 24)
    assert network.config.stride == 2 * patch


def test_edges_are_one_more_channel(labels):
    network, (x, t) = tiny_network(instance_edges=True), inputs()
    edges = instance_edges(labels)
    with_edges = network(x, t, condition_from(labels, 13, edges))
    without = network(x, t, condition_from(labels, 13, torch.zeros_like(edges)))
    assert (with_edges - without).abs().max() > 1e-3


def test_instance_edges_by_hand():
    instances = torch.tensor([[[1, 1, 2], [1, 1, 2], [1, 1, 1]]])
    assert instance_edges(instances).int().tolist() == [[[0, 1, 1], [0, 1, 1], [0, 0, 1]]]


def test_timestep_embedding_starts_with_cosines():
    embedding = timestep_embedding(torch.tensor([0, 1]), 8)
    torch.testing.assert_close(embedding[0], torch.tensor([1.0] * 4 + [0.0] * 4))
    assert embedding[1, 0].item() == pytest.approx(0.5403, abs=1e-4)
    assert embedding[1, 7].item() == pytest.approx(1e-3, rel=1e-3)


def test_a_configuration_survives_storage():
    assert NetworkConfig.from_dict(TINY.to_dict()) == TINY


def test_heads_must_only_fit_where_attention_runs():
    config = NetworkConfig(
        image_size=64,
        num_classes=3,
        model_channels=64,
        channel_mult=(0.5, 1, 1),
        num_res_blocks=1,
        attention_resolutions=(16,),
        num_head_channels=64,
        spade_hidden=8,
    )
    network = UNet(config)
    x, t = inputs(64, 64)
    assert network(x, t, null_condition(2, 64, 64)).shape == (2, 6, 64, 64)
    with pytest.raises(UserError, match="A level of 32 channels does not divide into attention heads of 64"):
        NetworkConfig.from_dict({**config.to_dict(), "attention_resolutions": [64]})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"prediction": "noise"}, "noise"),
        ({"prediction": "v"}, "learn_sigma"),
        ({"model_channels": 40}, "32"),
        ({"num_head_channels": 64}, "32 channels does not divide into attention heads of 64.*such as 32"),
        ({"num_head_channels": 24}, "32 channels does not divide into attention heads of 24"),
        ({"num_head_channels": 0}, "num_head_channels = 0"),
        ({"num_head_channels": -1, "num_heads": 3}, "32 channels does not divide into 3 attention heads"),
        ({"image_size": 15}, "15 is not a multiple of 2, the network's stride. Use 16"),
        ({"image_size": 0}, "image_size = 0 is outside 1"),
        ({"image_size": "16"}, "image_size = '16' is not a whole number"),
        ({"image_size": True}, "image_size = True is not a whole number"),
        ({"channel_mult": []}, "channel_mult is empty"),
        ({"channel_mult": [1, None]}, "is not a list of numbers"),
        ({"attention_resolutions": [0]}, "attention_resolutions = 0 is outside 1"),
        ({"dropout": float("nan")}, "dropout = nan is not a number"),
        ({"instance_edges": 1}, "instance_edges = 1 is not true or false"),
        ({"colour": 1}, "names colour, unknown here. Correct it.*Known: .*patch"),
    ],
)
def test_a_wrong_configuration_is_named(changes, text):
    with pytest.raises(UserError, match=text):
        NetworkConfig.from_dict({**TINY.to_dict(), **changes})
