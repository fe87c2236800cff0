"""The dataflows that come with the workbench, and those of a file: mappings whose constants are free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

from workbench.errors import UserError, unknown_name
from workbench.problem.datafiles import data_dir
from workbench.simulators.dataflow.faults import PlacedError
from workbench.simulators.dataflow.mapping import Mapping, check, for_layer
from workbench.simulators.dataflow.parse import parse
from workbench.simulators.dataflow.tensors import DataLayer


@dataclass(frozen=True)
class Dataflow:
    """A mapping with the constants that it starts from; `summary` is what its file says first."""

    name: str
    mapping: Mapping
    constants: tuple[tuple[str, int], ...]
    summary: str
    text: str

    @property
    def digest(self) -> str:
        """What tells two dataflows of one name apart."""
        return blake2b(self.text.encode(), digest_size=6).hexdigest()

    @property
    def free(self) -> tuple[tuple[str, int], ...]:
        """The constants that the mapping uses: its free sizes, with what the file gives them."""
        values = dict(self.constants)
        return tuple((name, values[name]) for name in self.mapping.names())

    def on(self, layer: DataLayer, constants: tuple[tuple[str, int], ...] = ()) -> Mapping:
        """The mapping of a layer, in numbers: constants given here take the place of the file's.

        Raises:
            UserError: the mapping does not suit the layer.
        """
        mapping = for_layer(self.mapping, layer).resolved(layer, {**dict(self.constants), **dict(constants)})
        if not any(mapping.levels):
            raise UserError(f"Dataflow {self.name!r} maps no dimension of layer {layer.name!r}, so it covers nothing.")
        return mapping


@cache
def bundled() -> tuple[str, ...]:
    """The names of the dataflows that come with the workbench."""
    return tuple(sorted(path.stem for path in (data_dir() / "dataflows").glob("*.m")))


def is_file(name_or_path: str) -> bool:
    """Whether it is meant as a file, not as a name."""
    return name_or_path.endswith(".m") or "/" in name_or_path


def load(name_or_path: str) -> Dataflow:
    """A bundled dataflow by name, or one from a file.

    Raises:
        UserError: there is no such dataflow or file, or the file is faulty.
    """
    if name_or_path in bundled():
        path = data_dir() / "dataflows" / f"{name_or_path}.m"
    elif is_file(name_or_path):
        path = Path(name_or_path)
    else:
        raise unknown_name("dataflow", name_or_path, bundled())
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: it cannot be read: {error}.") from None
    return dataflow_of(text, path.stem, str(path))


def dataflow_of(text: str, name: str, where: str) -> Dataflow:
    """A dataflow from the text of a file.

    Raises:
        UserError: file, line, column and what is wrong there.
    """
    file = parse(text, where)
    if file.mapping is None:
        raise UserError(f"{where}: it states no mapping of its own; a dataflow is Dataflow {{ ... }}.")
    known = dict(file.constants)
    for constant in file.mapping.names():
        if constant not in known:
            raise UserError(f"{where}: {unknown_name('constant', constant, known)}")
    try:
        check(file.mapping)
    except PlacedError as error:
        raise error.within(where) from None
    first = [line.lstrip("/ ").strip() for line in text.splitlines() if line.startswith("//")]
    return Dataflow(name, file.mapping, file.constants, first[0] if first else "", text)
