"""The page of a report: HTML with its style, its script and plotly's within it, and nothing to fetch.

plotly is kept, draws parallel coordinates that can be brushed, and ships as one file that runs from a page on disk; its
4.8 MB in each report are the price. A policy in the page's head lets nothing run but the two scripts that are written
here, told by their hashes, and nothing be fetched: whatever a name in the lab holds, it is text.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any, Final

from workbench.errors import UserError
from workbench.views.report.content import Content, Facts
from workbench.views.text import plain

_PLOTS: Final = (
    ("pareto", "Designs", "Click a member of the front to see it in full; drag to zoom, double-click to zoom out."),
    ("parallel", "Parallel coordinates", "Drag along an axis to keep the designs in that range; click it to let go."),
    ("breakdown", "Where energy and time go", "The members of the front, along the first objective."),
    ("convergence", "How it got there", "Over the designs evaluated."),
)


def plotly_script() -> str:
    """The library that draws.

    Raises:
        UserError: plotly is not there.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise UserError("Reports need plotly: pip install 'dse-workbench[report]'.") from None
    script: str = get_plotlyjs()
    return script


def rendered(content: Content, plotly: str) -> str:
    """The whole page; `plotly` is the library's script."""
    own = files(__package__).joinpath("page.js").read_text(encoding="utf-8")
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    scripts = [_within_script(plotly), _within_script(own)]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(content.title)}</title>",
            f"<style>{style}</style>",
            f"<script>{scripts[0]}</script>",
            "</head>",
            "<body>",
            f"<h1>{_text(content.title)}</h1>",
            _listed(content.facts),
            *(_plot(*plot) for plot in _PLOTS),
            _front(content),
            "<h2>Where it comes from</h2>",
            _listed(content.provenance),
            "<h2>Commands</h2>",
            _listed(content.commands, code=True),
            f"<details><summary>The task, as the run holds it</summary><pre>{_text(content.task)}</pre></details>",
            f'<script type="application/json" id="data">{_json(content.plots)}</script>',
            f"<script>{scripts[1]}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _policy(scripts: Iterable[str]) -> str:
    """Nothing but these scripts runs; nothing is fetched. plotly compiles its WebGL drawing, which takes `eval`."""
    hashes = " ".join(f"'sha256-{b64encode(sha256(s.encode()).digest()).decode()}'" for s in scripts)
    rules = (
        "default-src 'none'",
        f"script-src {hashes} 'unsafe-eval'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def _within_script(code: str) -> str:
    """The code with nothing in it that ends or opens a script for the HTML parser, as far as code has it in strings."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--").replace("\r\n", "\n")


def _json(value: Any) -> str:
    """JSON in which no text means anything to the HTML parser."""
    text = json.dumps(_plain(value), allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _plain(value: Any) -> Any:
    """With every text in it as it may be shown."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return plain(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    return escape(plain(text))


def _listed(facts: Facts, *, code: bool = False) -> str:
    shown = "<code>{}</code>" if code else "{}"
    rows = "".join(f"<dt>{_text(label)}</dt><dd>{shown.format(_text(text))}</dd>" for label, text in facts)
    return f"<dl>{rows}</dl>"


def _plot(name: str, title: str, hint: str) -> str:
    more = '<div id="detail"></div>' if name == "pareto" else ""
    return (
        f'<section id="{name}"><h2>{_text(title)}</h2><p class="hint">{_text(hint)}</p>'
        f'<div class="choices"></div><div class="plot"></div>{more}</section>'
    )


def _front(content: Content) -> str:
    heads = "".join(f"<th>{_text(head)}</th>" for head in content.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in content.members)
    some = f", {len(content.members)} of them" if len(content.members) < content.members_in_all else ""
    title = f"The front: {content.members_in_all} designs{some}"
    return (
        f'<h2>{title}</h2><div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
