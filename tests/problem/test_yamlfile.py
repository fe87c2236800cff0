"""Contracts of reading YAML through a model: every fault is one line with file, key, value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from workbench.errors import UserError
from workbench.problem.yamlfile import build_model, read_model, read_yaml


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size_bits: PositiveInt
    kind: Literal["sram", "dram"] = "sram"


class File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    parts: tuple[Part, ...] = Field(default=(), max_length=3)
    by_name: dict[str, Part] = {}
    shared: Literal["all"] | tuple[str, ...] = ()
    rule: Literal["auto"] | dict[str, tuple[str, ...]] = "auto"


def line_for(tmp_path: Path, text: str | bytes) -> str:
    """The one line that refuses a file of this content, without the file's name at its start."""
    path = tmp_path / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as error:
        read_model(path, File)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(f"{path}: ")
    assert line.endswith(".")
    return line.removeprefix(f"{path}: ")


def test_a_file_that_suits_the_model_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("name: a\nparts: [{size_bits: 8}]\nshared: [D1]\nrule: {D1: [K]}\n")
    assert read_model(path, File) == File(name="a", parts=(Part(size_bits=8),), shared=("D1",), rule={"D1": ("K",)})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nam: a", "unknown key 'nam'. Did you mean 'name'? Known here: by_name, name, parts, rule, shared."),
        ("name: a\nzzz: 1", "unknown key 'zzz'. Known here: by_name, name, parts, rule, shared."),
        (
            "name: a\nparts: [{size_bits: 8}, {size_bit: 8}]",
            "unknown key 'parts[1].size_bit'. Did you mean 'size_bits'? Known here: kind, size_bits.",
        ),
        (
            "name: a\nby_name: {x: {size_bits: 8, kindd: sram}}",
            "unknown key 'by_name.x.kindd'. Did you mean 'kind'? Known here: kind, size_bits.",
        ),
        ("parts: []", "the key 'name' is missing."),
        ("name: a\nparts: [{kind: dram}]", "the key 'parts[0].size_bits' is missing."),
        ("name: 5", "name: input should be a valid string, got 5."),
        ("name: a\nparts: [{size_bits: -8}]", "parts[0].size_bits: input should be greater than 0, got -8."),
        (
            "name: a\nparts: [{size_bits: big}]",
            "parts[0].size_bits: input should be a valid integer, unable to parse string as an integer, got 'big'.",
        ),
        (
            "name: a\nparts: [{size_bits: 8, kind: flash}]",
            "parts[0].kind: input should be 'sram' or 'dram', got 'flash'.",
        ),
        ("name: a\nparts: 8", "parts: input should be a list, got 8."),
    ],
)
def test_a_fault_names_its_key_its_value_and_what_is_allowed(tmp_path: Path, text: str, line: str) -> None:
    assert line_for(tmp_path, text) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\nshared: some", "shared: input should be 'all' or input should be a list, got 'some'."),
        ("name: a\nrule: 5", "rule: input should be 'auto' or input should be keys and values, got 5."),
        ("name: a\nrule: {D1: K}", "rule.D1: input should be a list, got 'K'."),
    ],
)
def test_a_value_of_one_of_several_kinds_is_told_all_kinds_or_the_one_it_nearly_is(
    tmp_path: Path, text: str, line: str
) -> None:
    assert line_for(tmp_path, text) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: [a", "line 1, column 9: this is not valid YAML: expected ',' or ']', but got '<stream end>'."),
        ("name: a\n\tparts: []", "line 2, column 1: this is not valid YAML"),
        ("name: a\nname: b", "line 2, column 1: this is not valid YAML: the key 'name' is given twice."),
        ("name: a\nby_name:\n  x: {size_bits: 1}\n  x: {size_bits: 2}", "line 4, column 3: this is not valid YAML"),
        ("? [a, b]\n: 1", "line 1, column 3: this is not valid YAML: a key must be a single word."),
        ("name: a\n---\nname: b", "line 2, column 1: this is not valid YAML: but found another document."),
        ("name: !!python/object:os.system x", "line 1, column 7: this is not valid YAML"),
        ("name: a\0b", "this is not valid YAML: unacceptable character #x0000"),
        ("name: 2024-13-45", "this YAML holds a value that cannot be read: month must be in 1..12."),
        ("name: " + "9" * 5000, "this YAML holds a value that cannot be read"),
        ("name: " + "[" * 3000, "this YAML holds a value that cannot be read"),
    ],
)
def test_broken_yaml_is_told_with_line_and_column_where_there_is_one(tmp_path: Path, text: str, line: str) -> None:
    assert line_for(tmp_path, text).startswith(line)


@pytest.mark.parametrize(("text", "kind"), [("", "NoneType"), ("- a\n- b", "list"), ("hello", "str")])
def test_a_document_that_is_not_keys_and_values_is_refused(tmp_path: Path, text: str, kind: str) -> None:
    assert line_for(tmp_path, text) == f"expected keys and values at the top level, got {kind}."


def test_a_file_that_is_not_text_in_utf8_is_refused(tmp_path: Path) -> None:
    assert line_for(tmp_path, b"name: \xff\xfe") == "this is not a text file in UTF-8."


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    for path, line in ((missing, "there is no such file."), (tmp_path, "this is a folder, not a YAML file.")):
        with pytest.raises(UserError) as error:
            read_yaml(path)
        assert str(error.value) == f"{path}: {line}"


def test_a_path_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(UserError, match="There can be no file named"):
        read_yaml(Path("a\0b.yaml"))


def test_merge_keys_and_anchors_work_as_yaml_says(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\n")
    assert read_yaml(path) == {"base": {"a": 1, "b": 2}, "more": {"a": 1, "b": 3}}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*File.model_fields, "x"]), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_any_content_is_accepted_or_refused_in_one_line(content: object) -> None:
    line = "here: "
    try:
        build_model({"name": "a", "parts": content, "rule": content, "shared": content}, File, "here")
    except UserError as error:
        line = str(error)
    assert line.startswith("here: ")
    assert "\n" not in line
