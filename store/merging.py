"""Taking over what another lab knows: evaluations, models and accuracies by their content, runs by their uuid.

The other lab may come from a stranger. It is opened read-only, nothing of its schema is trusted, and it is refused
unless it is sound (module `verifying`) and its tables are exactly ours: no trigger, view, virtual table, generated
column or index on an expression, which would compute in our name. Blobs are copied by the byte, never read.
Between a file and a server, or two servers, the rows travel: from a server into a file for the time of the merge, which
is examined as any other; and to a server into temporary tables, on which the statements are the same.

A run on both sides is one run, continued on one of them: the side that is further on counts. So it is with a training
that has not ended, and one whose accuracy is known to either has. Runs and models keep the
numbers that they have here; new ones get the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, and_, func, literal, not_, select
from sqlalchemy import delete as remove
from sqlalchemy.exc import IntegrityError

from store.accuracies_merged import take_accuracies, take_trainings
from store.address import Address, Where
from store.connections import connect, driver_of, explained, reader, taking_turns, transaction
from store.errors import BusyRunError, ConflictError, DamagedLabError, NewerLabError, NotALabError, StoreError
from store.migrations import SCHEMA, check_readable, identify, make_ready
from store.owner import this_process
from store.place import check_place
from store.rows import OUTCOME
from store.runs import by_id, live_status
from store.sides import OURS, THEIRS, alike, insert
from store.tables import Base
from store.verifying import problems

OF_RUN: Final = tuple(table.name for table in Base.metadata.sorted_tables if "run_id" in table.c)
"""Tables whose rows a run owns, those that others refer to first."""
KEPT: Final = "tag"
"""What users say of a run does not follow from its steps: that of both labs counts."""
BY_CONTENT: Final = ("context", "evaluation", "evaluation_detail", "source_model", "accuracy", "training")
"""Tables whose rows belong to nobody, and are the same wherever their keys are."""

_ASKED: Final = ("task_key", "search", "search_settings", "simulator", "seed", "batch", "asynchronous", "created_ns")
_ANY: Final = replace(SCHEMA, version=0)  # no lab is too old to be looked at


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge has brought."""

    contexts: int = 0
    evaluations: int = 0
    differing: int = 0  # evaluations and accuracies that both labs have with unlike outcomes: ours stay
    runs: int = 0
    continued: int = 0  # runs that were here, and were further on there
    known: int = 0  # runs that were here already, as far or further
    points: int = 0
    models: int = 0
    accuracies: int = 0
    trainings: int = 0  # unfinished ones that were not here, or not so far

    def __add__(self, more: Merged) -> Merged:
        return Merged(*(getattr(self, field.name) + getattr(more, field.name) for field in fields(Merged)))


@dataclass(frozen=True, slots=True)
class Source:
    """Another lab that has been found fit to be merged."""

    path: Where  # as its user calls it
    file: Path  # what is read: the same, or a migrated copy
    mode: str


@contextmanager
def opened(path: Where, busy_seconds: float) -> Iterator[Source]:
    """The lab at `path`, examined; of an older schema a migrated copy, of one on a server a copy in a file.

    A copy ends with the context.

    Raises:
        LabError: it is no lab, is damaged or tampered with, or a newer program has written it.
    """
    if isinstance(path, Address):
        from store.loading import fetched

        with fetched(path, busy_seconds) as source:
            yield source
        return
    check_place(path, create=False, readonly=True)
    mode = check_readable(path, busy_seconds, _ANY)
    with explained(path), closing(connect(path, mode, busy_seconds)) as connection:
        found = identify(connection)
    if found.version > SCHEMA.version:
        raise NewerLabError(
            f"{path} has schema {found.version}, this program knows {SCHEMA.version}: update the program to merge it."
        )
    if found.programs:
        raise NotALabError(
            f"{path} holds triggers or views ({', '.join(found.programs[:4])}), as no lab database does: "
            "it has been tampered with, so it is not merged."
        )
    if found.version == SCHEMA.version:
        yield examined(Source(path, path, mode), busy_seconds)
        return
    with TemporaryDirectory(prefix="dse-merge-") as folder:
        copy = Path(folder) / "copy.db"
        _copy_migrated(path, mode, copy, busy_seconds)
        yield examined(Source(path, copy, "ro"), busy_seconds)


def merge(writing: Engine, lab: Where, source: Source) -> Merged:
    """Take over all that `source` has and the lab has not, in one transaction."""
    if isinstance(lab, Address):
        return _merge_into_server(writing, lab, source)
    if isinstance(source.path, Path) and lab.samefile(source.path):
        raise NotALabError(f"{source.path} is the lab itself: give the other one.")
    with explained(lab), writing.connect() as connection:
        driver: Any = connection.connection.driver_connection
        query = "mode=ro&immutable=1" if source.mode == "immutable" else "mode=ro"
        driver.execute("ATTACH ? AS other", (f"{source.file.absolute().as_uri()}?{query}",))
        try:
            with connection.begin():  # the other lab is seen as it is at one moment, too
                _check_shape(connection, "other", source.path)
                return _take_over(connection, source)
        except IntegrityError as error:
            raise DamagedLabError(
                f"{source.path} holds what no lab may hold ({error.orig}); nothing was merged."
            ) from error
        finally:
            driver.execute("DETACH other")


def _merge_into_server(writing: Engine, lab: Address, source: Source) -> Merged:
    """The other lab's rows lie in temporary tables of the same names meanwhile."""
    if lab == source.path:
        raise NotALabError(f"{source.path} is the lab itself: give the other one.")
    with explained(lab), writing.connect() as connection:
        connection = connection.execution_options(schema_translate_map={"other": "pg_temp"}, preserve_rowcount=True)
        try:
            with connection.begin():
                taking_turns(connection, b"merge")
                _bring(connection, source)
                return _take_over(connection, source)
        except IntegrityError as error:
            said = str(error.orig).splitlines()[0]
            raise DamagedLabError(f"{source.path} holds what no lab may hold ({said}); nothing was merged.") from error


def _bring(connection: Connection, source: Source) -> None:
    """The rows of the other lab, as they are at one moment; ours stay the tables that a plain name means."""
    connection.exec_driver_sql("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
    driver: Any = driver_of(connection)
    with closing(connect(source.file, source.mode, 1.0)) as other:
        other.execute("BEGIN")
        for name, table in OURS.items():
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            driver.execute(f"CREATE TEMP TABLE {name} (LIKE {name}) ON COMMIT DROP")
            driver.copy(f"pg_temp.{name}", names, other.execute(f"SELECT {names} FROM {name}"))  # noqa: S608
            driver.execute(f"ANALYZE pg_temp.{name}")


def _copy_migrated(path: Path, mode: str, copy: Path, busy_seconds: float) -> None:
    """Page by page, which computes nothing; migrated where it cannot hurt."""
    with explained(path), closing(connect(path, mode, busy_seconds)) as old, closing(connect(copy, "rwc", 1)) as new:
        _distrust(old)
        broken = [line for (line,) in old.execute("PRAGMA integrity_check(1)") if line != "ok"]
        if broken:
            raise DamagedLabError(f"{path} is damaged: {' '.join(broken[0].split())}. Nothing was merged.")
        old.backup(new)
    try:
        make_ready(copy, busy_seconds)
    except StoreError as error:
        raise type(error)(str(error).replace(str(copy), str(path))) from error


def _distrust(connection: Any) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")


def examined(source: Source, busy_seconds: float) -> Source:
    """The same, found fit: its tables are ours, and what they hold is sound."""
    engine = reader(source.file, source.mode, busy_seconds)
    try:
        with transaction(engine, source.path) as connection:
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")  # ours decide, when rows are taken over
            _check_shape(connection, "main", source.path)
            found = list(problems(connection))
    finally:
        engine.dispose()
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise DamagedLabError(f"{source.path} is damaged: {found[0]}{more}. Nothing was merged.")
    return source


_TABLES: Final = "SELECT name, type, strict FROM pragma_table_list WHERE schema = ? AND name NOT GLOB 'sqlite_*'"
_COLUMNS: Final = "SELECT name, type, hidden FROM pragma_table_xinfo(?, ?) ORDER BY cid"
_INDICES: Final = """
    SELECT max(i.partial OR x.cid = -2) FROM pragma_index_list(?, ?) AS i, pragma_index_xinfo(i.name, ?) AS x
"""


def _check_shape(connection: Connection, schema: str, path: Where) -> None:
    """Refuse a lab of our schema that computes something, or lacks something."""
    ask = connection.exec_driver_sql
    if ask(f"PRAGMA {schema}.user_version").scalar_one() != SCHEMA.version:
        raise NotALabError(f"{path} has been exchanged while it was read; nothing was merged.")
    found = {name: (kind, strict) for name, kind, strict in ask(_TABLES, (schema,))}
    odd = [name for name, (kind, _) in found.items() if kind != "table"]
    for name, table in OURS.items():
        columns = [tuple(row) for row in ask(_COLUMNS, (name, schema))]
        expected = [(column.name, _declared(column, connection), 0) for column in table.columns]
        if found.get(name) != ("table", 1) or columns != expected or ask(_INDICES, (name, schema, schema)).scalar():
            odd.append(name)
    if odd:
        raise NotALabError(
            f"{path} says that it is a lab of schema {SCHEMA.version}, but its tables are not those "
            f"({', '.join(odd[:4])}): it has been tampered with, so it is not merged."
        )


def _declared(column: Any, connection: Connection) -> str:
    return str(column.type.compile(connection.dialect)).upper()


def _take_over(connection: Connection, source: Source) -> Merged:
    merged = _take_contexts(connection, source.path)
    models = _take_models(connection)
    heads = connection.execute(_both_heads()).mappings().all()
    for head in heads:
        merged += _take_run(connection, head, source.path)
    accuracies, differing = take_accuracies(connection, source.path)
    trainings = take_trainings(connection)
    return merged + Merged(models=models, accuracies=accuracies, differing=differing, trainings=trainings)


def _take_contexts(connection: Connection, path: Where) -> Merged:
    theirs, ours, merged = THEIRS["context"], OURS["context"], Merged()
    content = ("simulator", "fingerprint", "layer")
    unlike = select(ours.c.id).join(theirs, theirs.c.key == ours.c.key).where(not_(alike(ours, theirs, content)))
    number = connection.execute(unlike.limit(1)).scalar()
    if number is not None:
        raise ConflictError(f"{path} has another context under the key of ours {number}: it is not merged.")
    names = ("key", *content)
    missing = select(*(theirs.c[name] for name in names)).where(theirs.c.key.not_in(select(ours.c.key)))
    added = connection.execute(insert(connection, ours).from_select(names, missing.order_by(theirs.c.id))).rowcount
    pairs = select(theirs.c.id, ours.c.id).join(ours, ours.c.key == theirs.c.key).order_by(theirs.c.id)
    for their_id, our_id in connection.execute(pairs).all():
        merged += _take_evaluations(connection, their_id, our_id)
    return merged + Merged(contexts=added)


def _take_evaluations(connection: Connection, their_id: int, our_id: int) -> Merged:
    theirs, ours = THEIRS["evaluation"], OURS["evaluation"]
    both = theirs.join(ours, and_(ours.c.context_id == our_id, ours.c.key == theirs.c.key))
    here = theirs.c.context_id == their_id
    unlike = select(func.count()).select_from(both).where(here, not_(alike(ours, theirs, OUTCOME)))
    differing = connection.execute(unlike).scalar_one()
    names = ("context_id", "key", *OUTCOME)
    rows = select(literal(our_id), *(theirs.c[name] for name in names[1:])).where(here).order_by(theirs.c.key)
    added = connection.execute(insert(connection, ours).from_select(names, rows).on_conflict_do_nothing()).rowcount
    theirs_told, ours_told = THEIRS["evaluation_detail"], OURS["evaluation_detail"]
    told = both.join(
        theirs_told, and_(theirs_told.c.context_id == theirs.c.context_id, theirs_told.c.key == theirs.c.key)
    )
    details = (
        select(literal(our_id), theirs_told.c.key, theirs_told.c.detail)
        .select_from(told)
        .where(here, alike(ours, theirs, OUTCOME))  # the detail of one outcome does not fit another
        .order_by(theirs.c.key)
    )
    connection.execute(
        insert(connection, ours_told).from_select(["context_id", "key", "detail"], details).on_conflict_do_nothing()
    )
    return Merged(evaluations=added, differing=differing)


def _take_models(connection: Connection) -> int:
    theirs, ours = THEIRS["source_model"], OURS["source_model"]
    names = [column.name for column in ours.columns if column.name != "id"]
    missing = select(*(theirs.c[name] for name in names)).where(theirs.c.key.not_in(select(ours.c.key)))
    return connection.execute(insert(connection, ours).from_select(names, missing.order_by(theirs.c.id))).rowcount


def _both_heads() -> Any:
    theirs, ours = THEIRS["run"], OURS["run"]
    compared = ("id", "steps", "points", "chunk_points", "epoch", "updated_ns")
    return (
        select(
            theirs.c.uuid,
            alike(ours, theirs, _ASKED).label("alike"),
            *(theirs.c[name].label(f"their_{name}") for name in compared),
            *(ours.c[name].label(f"our_{name}") for name in compared),
        )
        .select_from(theirs.outerjoin(ours, ours.c.uuid == theirs.c.uuid))
        .order_by(theirs.c.id)
    )


def _take_run(connection: Connection, head: RowMapping, path: Where) -> Merged:
    if head["our_id"] is None:
        _copy_run(connection, head["their_id"], None, 0)
        return Merged(runs=1, points=head["their_points"] + head["their_chunk_points"])
    _refuse_unlike(connection, head, path)
    age = ("steps", "chunk_points", "epoch", "updated_ns")
    if [head[f"their_{name}"] for name in age] <= [head[f"our_{name}"] for name in age]:
        _copy_rows(connection, KEPT, head["their_id"], head["our_id"])
        return Merged(known=1)
    run = by_id(connection, head["our_id"], to_change=True)
    if live_status(run, this_process()) in ("running", "queued"):
        raise BusyRunError(
            f"Run {run.id} is further on in {path}, but process {run.pid} on {run.host} is working on it here: "
            "pause it, or merge when it has ended."
        )
    _copy_run(connection, head["their_id"], run.id, run.epoch + 1)  # an owner that comes back is fenced out
    added = sum(head[f"their_{name}"] - head[f"our_{name}"] for name in ("points", "chunk_points"))
    return Merged(continued=1, points=added)


def _refuse_unlike(connection: Connection, head: RowMapping, path: Where) -> None:
    """Refuse two runs of one uuid that are not one run, further on in one of the labs."""
    point, chunk = (
        _first_unlike(connection, head, "point", "seq", ("step", "codes", *OUTCOME)),
        _first_unlike(connection, head, "chunk", "number", ("first", "digest")),
    )
    if not head["alike"]:
        where = "what it was asked"
    elif point is not None or chunk is not None:
        where = f"chunk {chunk}" if point is None else f"point {point}"
    else:
        return
    raise ConflictError(
        f"Run {head['our_id']} is run {head['their_id']} of {path} by its uuid {head['uuid'][:8]}, but they differ in "
        f"{where}: neither is the other one continued. Remove one of the two to merge the rest."
    )


def _first_unlike(
    connection: Connection, head: RowMapping, table: str, place: str, content: tuple[str, ...]
) -> int | None:
    theirs, ours = THEIRS[table], OURS[table]
    both = theirs.join(ours, and_(ours.c.run_id == head["our_id"], ours.c[place] == theirs.c[place]))
    unlike = not_(alike(ours, theirs, content))
    first = select(func.min(theirs.c[place])).select_from(both).where(theirs.c.run_id == head["their_id"], unlike)
    number: int | None = connection.execute(first).scalar_one()
    return number


def _copy_run(connection: Connection, their_id: int, our_id: int | None, epoch: int) -> None:
    theirs, ours = THEIRS["run"], OURS["run"]
    values = dict(connection.execute(select(theirs).where(theirs.c.id == their_id)).mappings().one())
    del values["id"]
    if values["status"] in ("running", "queued"):  # whoever works on it, or will, does so in the other lab
        values["status"] = "interrupted"
    values["wish"] = None
    values["epoch"] = max(values["epoch"], epoch)
    if our_id is None:
        our_id = connection.execute(insert(connection, ours).values(values).returning(ours.c.id)).scalar_one()
    else:
        for name in reversed([name for name in OF_RUN if name != KEPT]):
            connection.execute(remove(OURS[name]).where(OURS[name].c.run_id == our_id))
        connection.execute(ours.update().where(ours.c.id == our_id).values(values))
    for name in OF_RUN:
        _copy_rows(connection, name, their_id, our_id)


def _copy_rows(connection: Connection, table: str, their_id: int, our_id: int) -> None:
    theirs, ours = THEIRS[table], OURS[table]
    names = [column.name for column in ours.columns if column.name not in ("id", "run_id")]
    rows = select(literal(our_id), *(theirs.c[name] for name in names)).where(theirs.c.run_id == their_id)
    copied = insert(connection, ours).from_select(["run_id", *names], rows.order_by(*theirs.primary_key))
    connection.execute(copied.on_conflict_do_nothing() if table == KEPT else copied)
