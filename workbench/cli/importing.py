"""`dse import`: an ONNX file becomes a workload in YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.options import Json

Model = Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The ONNX file.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Where the YAML goes; stdout if left out.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("import")(import_model)


def import_model(model: Model, output: Output = None, json: Json = False) -> None:
    """Turn an ONNX model into a workload in YAML.

    Operators that do not map onto the workbench's layers are kept as nodes without cost, and listed on stderr. Needs
    the extra `onnx`: pip install 'dse-workbench[onnx]'.
    """
    from workbench.cli.output import emit_json, say
    from workbench.errors import UserError
    from workbench.problem.onnx_import import import_onnx
    from workbench.problem.workload import to_yaml
    from workbench.views.quantity import si

    if json and output is None:
        raise UserError("--json tells what was written to a file: give -o FILE; without, the YAML itself is printed.")
    workload, notes = import_onnx(model)
    text = to_yaml(workload)
    for note in notes:
        say(f"note: {note}")
    if output is None:
        print(text, end="")
        return
    _write(output, text)
    if json:
        size = {"layers": len(workload.layers), "macs": workload.macs, "weights": workload.weights}
        emit_json({"file": str(output), "name": workload.name, **size, "notes": list(notes)})
        return
    say(f"{output}: {len(workload.layers)} layers, {si(workload.macs)} MACs, {si(workload.weights)} weights")
    say(f"look at it with: dse workloads {output}")


def _write(path: Path, text: str) -> None:
    """The whole file or none of it."""
    from workbench.errors import UserError

    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written: {error.strerror}.") from None
