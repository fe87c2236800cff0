"""Taking over the accuracies of another lab, and its trainings that have not ended: see `merging`."""

from __future__ import annotations

from sqlalchemy import Connection, and_, case, delete, func, not_, null, or_, select, update

from store.accuracies import OWNER, unfinished
from store.address import Where
from store.errors import ConflictError
from store.names import ACCURACY, TRAINING
from store.sides import THEIRS, alike, insert

_MEASURED = ("network", "data_key", "recipe", "seed", "trainer")


def take_accuracies(connection: Connection, path: Where) -> tuple[int, int]:
    """How many were not here, and how many are here with another accuracy: ours stay.

    Raises:
        ConflictError: both labs say different things of what a key stands for.
    """
    theirs = THEIRS["accuracy"]
    both = theirs.join(ACCURACY, ACCURACY.c.key == theirs.c.key)
    unlike = select(theirs.c.key).select_from(both).where(not_(alike(ACCURACY, theirs, _MEASURED)))
    key = connection.execute(unlike.limit(1)).scalar()
    if key is not None:
        raise ConflictError(f"{path} has another network under the key {key.hex()} of an accuracy: it is not merged.")
    differs = not_(alike(ACCURACY, theirs, ("accuracy",)))
    differing = connection.execute(select(func.count()).select_from(both).where(differs)).scalar_one()
    names = [column.name for column in ACCURACY.columns]
    missing = select(*(theirs.c[name] for name in names)).where(theirs.c.key.not_in(select(ACCURACY.c.key)))
    added = connection.execute(insert(connection, ACCURACY).from_select(names, missing.order_by(theirs.c.key))).rowcount
    connection.execute(delete(TRAINING).where(TRAINING.c.key.in_(select(ACCURACY.c.key))))
    return added, differing


def take_trainings(connection: Connection) -> int:
    """How many were not here, or not so far; one that a process is at work on here stays as it is.

    Nobody owns what is taken over, and an owner here that has gone silent is fenced out.
    """
    theirs = THEIRS["training"]
    live = [training.key for training in unfinished(connection) if training.live]
    ours_further = and_(
        TRAINING.c.key == theirs.c.key,
        or_(
            TRAINING.c.epochs > theirs.c.epochs,
            and_(TRAINING.c.epochs == theirs.c.epochs, TRAINING.c.batches >= theirs.c.batches),
        ),
    )
    wanted = and_(
        theirs.c.key.not_in(select(ACCURACY.c.key)),
        theirs.c.key.not_in(live),
        not_(select(TRAINING.c.key).where(ours_further).exists()),
    )
    taken: list[bytes] = list(connection.execute(select(theirs.c.key).where(wanted)).scalars())
    names = [column.name for column in TRAINING.columns if column.name not in OWNER]
    values = {name: theirs.c[name] for name in names}
    claims = dict(connection.execute(select(TRAINING.c.key, TRAINING.c.claim).where(TRAINING.c.key.in_(taken))).all())
    for key in taken:
        row = select(*(null() for _ in OWNER), *values.values()).where(theirs.c.key == key)
        connection.execute(delete(TRAINING).where(TRAINING.c.key == key))
        connection.execute(insert(connection, TRAINING).from_select([*OWNER, *names], row))
        if key in claims:
            higher = case((TRAINING.c.claim > claims[key], TRAINING.c.claim), else_=claims[key] + 1)
            connection.execute(update(TRAINING).where(TRAINING.c.key == key).values(claim=higher))
    return len(taken)
