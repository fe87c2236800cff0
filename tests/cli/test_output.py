"""Owns the promise that what is printed keeps its shape where there is little room."""

from io import StringIO

from rich.console import Console

from workbench.cli.output import listed


def test_a_long_fact_goes_on_below_itself_and_nothing_of_it_is_lost():
    facts = [
        ("uuid", "1" * 32),
        ("search", "anneal (chains=1, cooling=0.01, first=8), seed 1"),
        ("note", "[bold]\x1b[2J"),
    ]
    console = Console(file=StringIO(), width=30)
    console.print(listed(facts))
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 30
    assert [line[:12].strip() for line in lines if line[:12].strip()] == ["uuid", "search", "note"]
    shown = "".join(line[12:] for line in lines).replace(" ", "")
    assert shown == "".join(text for _, text in facts).replace(" ", "").replace("\x1b", "\\x1b")
