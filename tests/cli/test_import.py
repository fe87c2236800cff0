"""Owns the promise that an ONNX file becomes a workload that the other commands take, or an error of one line."""

from pathlib import Path

import pytest

from tests.cli.conftest import Dse

onnx = pytest.importorskip("onnx")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, [1, 4, 8, 8])
    weight = helper.make_tensor("weight", TensorProto.FLOAT, [4, 3, 3, 3], [0.0] * 108)
    nodes = [
        helper.make_node("Conv", ["image", "weight"], ["seen"], name="see", pads=[1, 1, 1, 1]),
        helper.make_node("Erf", ["seen"], ["odd"], name="bend"),
        helper.make_node("HardSwish", ["odd"], ["result"], name="swish"),
    ]
    graph = helper.make_graph(nodes, "small", [image], [result], [weight])
    path = tmp_path / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_a_model_becomes_a_workload_that_can_be_evaluated(dse: Dse, model: Path):
    done = dse("import", model, "-o", "small.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    listed = dse("workloads", "small.yaml").stdout
    assert "see" in listed
    assert f"{4 * 8 * 8 * 27:,} MACs" in listed
    assert dse("evaluate", "--arch", "tpu_like", "--workload", "small.yaml", "--sim", "factors=2").returncode == 0


def test_without_an_output_file_the_yaml_is_data_on_stdout(dse: Dse, model: Path):
    dse("import", model, "-o", "small.yaml")
    done = dse("import", model)
    assert done.stdout == (model.parent / "small.yaml").read_text(encoding="utf-8")
    assert "note:" in done.stderr


def test_a_folder_that_is_not_there_leaves_nothing_behind(dse: Dse, model: Path):
    done = dse("import", model, "-o", "nowhere/small.yaml")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 + done.stderr.count("note:")
    assert not (model.parent / "nowhere").exists()
