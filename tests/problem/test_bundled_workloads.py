"""The bundled networks are the originals: MACs and parameters equal the published counts, and every shape follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.problem.workload import Workload, bundled_workloads, from_canonical, load_workload, to_yaml

# Weights without biases and batch normalisation; beside each, how the published count comes about.
PUBLISHED = {
    # Sze et al., Proc. IEEE 2017, table II: 724 M MACs (666 M + 58.6 M), 61 M weights. Caffe's model has 60,965,224
    # parameters, of which 10,568 are biases.
    "alexnet": (724_406_816, 60_965_224 - 10_568),
    # Sze et al. 2017, table II: 15.5 G MACs, 138 M weights. torchvision: 15.47 GFLOPS, 138,357,544 parameters, of
    # which 13,416 are biases.
    "vgg16": (15_470_264_320, 138_357_544 - 13_416),
    # torchvision: 1.81 GFLOPS, 11,689,512 parameters, of which 9,600 of batch normalisation and 1,000 biases.
    "resnet18": (1_814_073_344, 11_689_512 - 9_600 - 1_000),
    # torchvision (v1.5): 4.09 GFLOPS, 25,557,032 parameters, of which 53,120 and 1,000.
    "resnet50": (4_089_184_256, 25_557_032 - 53_120 - 1_000),
    # Sandler et al. 2018, table 4: 300 M MACs, 3.4 M parameters. torchvision: 0.30 GFLOPS, 3,504,872 parameters, of
    # which 34,112 and 1,000.
    "mobilenetv2": (300_774_272, 3_504_872 - 34_112 - 1_000),
    # Twelve layers of 4 * 768^2 + 2 * 768 * 3072 weights; at 384 tokens each layer computes that many products per
    # token and 2 * 384^2 * 768 in its attention. Hugging Face counts 85,054,464 encoder parameters, of which
    # 12 * 9,984 are biases and layer normalisation.
    "bert_base": (12 * (384 * 7_077_888 + 2 * 384**2 * 768), 85_054_464 - 12 * 9_984),
    # The widely used Keras model prints 31,031,685 parameters; instead of the paper's 1 x 1 head of 64 * 2 + 2 it ends
    # in a 3 x 3 one of 64 * 9 * 2 + 2 and a 1 x 1 one of 2 + 1. 6,850 are biases. No published MACs for 572 x 572
    # without padding: the sum is worked out again below.
    "unet": (150_428_424_448, 31_031_685 - (64 * 9 * 2 + 2) - (2 + 1) + (64 * 2 + 2) - 6_850),
    # Dong et al. 2016, section 3.3: 12,464 weights, each of which meets every pixel of the small image once. Of these
    # 9 * 9 * 56 are the deconvolution's; as a convolution for four phases in windows of 5 x 5 it has 4 * 25 * 56.
    "fsrcnn": (540 * 960 * (12_464 + 19 * 56), 12_464 + 19 * 56),
}


def test_every_bundled_workload_has_a_published_count() -> None:
    assert set(bundled_workloads()) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_macs_and_weights_equal_the_published_counts(name: str) -> None:
    workload = load_workload(name)
    assert (workload.macs, workload.weights) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_bundled_workload_says_what_it_is_and_where_it_is_from(name: str) -> None:
    workload = load_workload(name)
    assert workload.name == name
    assert workload.description
    assert workload.source


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_shape_follows_and_all_but_the_last_item_is_read(name: str) -> None:
    workload = load_workload(name)
    assert None not in workload.shapes.values()
    read = {producer for item in workload.items for producer in item.after}
    assert [item.name for item in workload.items if item.name not in read] == [workload.items[-1].name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_merged_layers_keep_the_macs_of_the_network(name: str) -> None:
    workload = load_workload(name)
    merged = workload.compute_layers()
    assert sum(layer.macs * count for layer, count in merged) == workload.macs
    assert sum(count for _, count in merged) == sum(item.repeat for item in workload.layers)
    assert len({layer.shape_key for layer, _ in merged}) == len(merged)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_bundled_workload_survives_being_written_and_read(name: str, tmp_path: Path) -> None:
    workload = load_workload(name)
    (tmp_path / "copy.yaml").write_text(to_yaml(workload), encoding="utf-8")
    assert load_workload(tmp_path / "copy.yaml") == workload
    assert from_canonical(workload.canonical()).canonical() == workload.canonical()


def test_alexnet_has_the_names_and_sizes_of_the_original() -> None:
    alexnet = load_workload("AlexNet")
    assert [item.name for item in alexnet.layers] == [f"conv{i}" for i in range(1, 6)] + ["fc6", "fc7", "fc8"]
    assert alexnet.layer("CONV1").dims == (1, 1, 96, 3, 55, 55, 11, 11)
    assert alexnet.layer("conv2").dims == (1, 2, 128, 48, 27, 27, 5, 5)
    assert [alexnet.layer(f"conv{i}").macs for i in (1, 2, 3, 4, 5)] == [
        105_415_200,
        223_948_800,
        149_520_384,
        112_140_288,
        74_760_192,
    ]


def _adds(workload: Workload) -> int:
    return sum(node.op == "add" for node in workload.nodes)


def test_residual_networks_have_one_addition_per_shortcut() -> None:
    assert _adds(load_workload("resnet18")) == 8
    assert _adds(load_workload("resnet50")) == 16
    assert _adds(load_workload("mobilenetv2")) == 10


def test_bert_at_128_tokens_costs_what_the_literature_says() -> None:
    # Sun et al. 2020 (MobileBERT), table 4: BERT-base, 22.5 G operations at sequence length 128, two per MAC.
    bert = load_workload("bert_base")
    attention = 2 * 128 * 128 * 768 * 12
    assert 2 * (bert.weights * 128 + attention) == pytest.approx(22.5e9, rel=0.01)


def test_fsrcnn_makes_the_image_twice_as_large_with_the_papers_weights() -> None:
    fsrcnn = load_workload("fsrcnn")
    image = fsrcnn.shapes["image"]
    assert image is not None
    assert (image.channels, image.y, image.x) == (1, 1080, 1920)
    weights = {item.name: item.layer.elements("W") for item in fsrcnn.layers}
    taps = sum(down * across for down in (5, 4) for across in (5, 4))  # even outputs meet five taps, odd ones four
    assert taps == 9 * 9
    assert weights.pop("deconv") == 56 * 4 * 5 * 5
    assert sum(weights.values()) + 56 * taps == 12_464


def test_unet_maps_have_the_sizes_of_the_papers_figure() -> None:
    unet = load_workload("unet")
    shapes = {name: (shape.channels, shape.y) for name, shape in unet.shapes.items() if shape is not None}
    assert [shapes[f"enc{d}_conv2"] for d in (1, 2, 3, 4)] == [(64, 568), (128, 280), (256, 136), (512, 64)]
    assert shapes["mid_conv2"] == (1024, 28)
    assert [shapes[f"dec{d}_concat"] for d in (4, 3, 2, 1)] == [(1024, 56), (512, 104), (256, 200), (128, 392)]
    assert shapes["head"] == (2, 388)
    convs = [(1, 64, 570), (64, 64, 568), (64, 128, 282), (128, 128, 280), (128, 256, 138), (256, 256, 136)]
    convs += [(256, 512, 66), (512, 512, 64), (512, 1024, 30), (1024, 1024, 28)]
    convs += [(1024, 512, 54), (512, 512, 52), (512, 256, 102), (256, 256, 100)]
    convs += [(256, 128, 198), (128, 128, 196), (128, 64, 390), (64, 64, 388)]
    ups = [(1024, 512, 56), (512, 256, 104), (256, 128, 200), (128, 64, 392)]
    macs = sum(9 * c * k * s * s for c, k, s in convs) + sum(c * k * s * s for c, k, s in ups) + 64 * 2 * 388**2
    assert unet.macs == macs
