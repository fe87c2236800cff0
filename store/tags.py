"""Tags: words that a user gives to runs, to find them by."""

from __future__ import annotations

import re

from sqlalchemy import Connection

from store.errors import BadRowError
from store.runs import by_id

MOST_CHARACTERS = 64


def check_word(word: str) -> None:
    """Refuse what is no word: a tag is typed in a shell and listed beside others."""
    if not re.fullmatch(rf"[^\s,\x00-\x1f]{{1,{MOST_CHARACTERS}}}", word):
        raise BadRowError(
            f"A tag is one word of 1 to {MOST_CHARACTERS} characters without spaces and commas, not {word!r}."
        )


def tag(connection: Connection, run_id: int, word: str) -> None:
    check_word(word)
    by_id(connection, run_id)
    statement = "INSERT INTO tag (run_id, word) VALUES (?, ?) ON CONFLICT (run_id, word) DO NOTHING"
    connection.exec_driver_sql(statement, (run_id, word))


def untag(connection: Connection, run_id: int, word: str) -> bool:
    """Whether the run had it."""
    by_id(connection, run_id)
    statement = "DELETE FROM tag WHERE run_id = ? AND word = ?"
    return connection.exec_driver_sql(statement, (run_id, word)).rowcount == 1


def of_run(connection: Connection, run_id: int) -> list[str]:
    """In the order of the alphabet."""
    rows = connection.exec_driver_sql("SELECT word FROM tag WHERE run_id = ? ORDER BY word", (run_id,))
    return [word for (word,) in rows]


def in_use(connection: Connection) -> dict[str, int]:
    """How many runs each word has, in the order of the alphabet."""
    rows = connection.exec_driver_sql("SELECT word, count(*) FROM tag GROUP BY word ORDER BY word")
    return dict(tuple(row) for row in rows)
