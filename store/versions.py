"""The way from each schema to the next, in statements that never change: what `tables` says is the present one only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Connection

Step = Callable[[Connection], None]

_TO_2: Final = (
    "ALTER TABLE history ADD COLUMN search_seconds REAL",
    """
    CREATE TABLE source_model (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "key" BLOB NOT NULL,
        kind TEXT NOT NULL,
        arch TEXT NOT NULL,
        workload TEXT NOT NULL,
        simulator TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        points INTEGER NOT NULL,
        training_key BLOB NOT NULL,
        created_ns INTEGER NOT NULL,
        code_version TEXT NOT NULL,
        size INTEGER NOT NULL,
        axes TEXT NOT NULL,
        metrics TEXT NOT NULL,
        lineage TEXT NOT NULL,
        report TEXT NOT NULL,
        task TEXT NOT NULL,
        content BLOB NOT NULL,
        UNIQUE ("key"),
        CONSTRAINT points_positive CHECK (points > 0),
        CONSTRAINT key_size CHECK (length(key) BETWEEN 16 AND 16),
        CONSTRAINT training_key_size CHECK (length(training_key) BETWEEN 16 AND 16)
    ) STRICT
    """,
    """
    CREATE TABLE run_source (
        run_id INTEGER NOT NULL,
        position INTEGER NOT NULL,
        source_uuid TEXT NOT NULL,
        points INTEGER NOT NULL,
        PRIMARY KEY (run_id, position),
        FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
        UNIQUE (run_id, source_uuid),
        CONSTRAINT points_positive CHECK (points > 0),
        CONSTRAINT source_uuid_hex CHECK (length(source_uuid) = 32 AND source_uuid NOT GLOB '*[^0-9a-f]*')
    ) WITHOUT ROWID, STRICT
    """,
    """
    CREATE TABLE run_model (
        run_id INTEGER NOT NULL,
        position INTEGER NOT NULL,
        model_key BLOB NOT NULL,
        PRIMARY KEY (run_id, position),
        FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
        UNIQUE (run_id, model_key),
        CONSTRAINT model_key_size CHECK (length(model_key) BETWEEN 16 AND 16)
    ) WITHOUT ROWID, STRICT
    """,
)


def _to_2(connection: Connection) -> None:
    """Runs write down what they learn from, source models have a place, and a step tells the search's own time."""
    for statement in _TO_2:
        connection.exec_driver_sql(statement)


_TO_3: Final = (
    "ALTER TABLE run ADD COLUMN chunk_points INTEGER DEFAULT 0 NOT NULL",
    """
    CREATE TABLE chunk (
        id INTEGER NOT NULL,
        run_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        first INTEGER NOT NULL,
        points INTEGER NOT NULL,
        feasible INTEGER NOT NULL,
        latency_cycles_least REAL,
        latency_cycles_most REAL,
        energy_pj_least REAL,
        energy_pj_most REAL,
        area_um2_least REAL,
        area_um2_most REAL,
        accuracy_least REAL,
        accuracy_most REAL,
        digest BLOB NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
        UNIQUE (run_id, number),
        CONSTRAINT place_positive CHECK (number >= 0 AND first >= 0),
        CONSTRAINT points_counted CHECK (points > 0 AND feasible BETWEEN 0 AND points),
        CONSTRAINT latency_cycles_zone CHECK ((latency_cycles_least IS NULL) = (latency_cycles_most IS NULL)
            AND latency_cycles_least <= latency_cycles_most),
        CONSTRAINT energy_pj_zone CHECK ((energy_pj_least IS NULL) = (energy_pj_most IS NULL)
            AND energy_pj_least <= energy_pj_most),
        CONSTRAINT area_um2_zone CHECK ((area_um2_least IS NULL) = (area_um2_most IS NULL)
            AND area_um2_least <= area_um2_most),
        CONSTRAINT accuracy_zone CHECK ((accuracy_least IS NULL) = (accuracy_most IS NULL)
            AND accuracy_least <= accuracy_most),
        CONSTRAINT digest_size CHECK (length(digest) BETWEEN 16 AND 16)
    ) STRICT
    """,
    """
    CREATE TABLE tag (
        run_id INTEGER NOT NULL,
        word TEXT NOT NULL,
        PRIMARY KEY (run_id, word),
        FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
        CONSTRAINT word_size CHECK (length(word) BETWEEN 1 AND 64)
    ) WITHOUT ROWID, STRICT
    """,
    "CREATE INDEX tag_by_word ON tag (word)",
)


def _to_3(connection: Connection) -> None:
    """Sweeps have a place, in chunks, and runs can be tagged."""
    for statement in _TO_3:
        connection.exec_driver_sql(statement)


_RUN_OF_3: Final = """
    id, uuid, status, arch, workload, search, simulator, fingerprint, seed, batch, created_ns, updated_ns, steps,
    points, evaluations, hits, feasible, front_size, hypervolume, best, error, note, host, boot_id, pid_namespace, pid,
    process_start, epoch, heartbeat_ns, task_key, task, search_settings, simulator_settings, stop, chunk_points
"""
_TO_4: Final = (
    """
    CREATE TABLE run_of_4 (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        uuid TEXT NOT NULL,
        status TEXT NOT NULL,
        arch TEXT NOT NULL,
        workload TEXT NOT NULL,
        search TEXT NOT NULL,
        simulator TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        seed INTEGER NOT NULL,
        batch INTEGER NOT NULL,
        created_ns INTEGER NOT NULL,
        updated_ns INTEGER NOT NULL,
        steps INTEGER NOT NULL,
        points INTEGER NOT NULL,
        evaluations INTEGER NOT NULL,
        hits INTEGER NOT NULL,
        feasible INTEGER NOT NULL,
        front_size INTEGER NOT NULL,
        hypervolume REAL,
        best TEXT,
        error TEXT,
        note TEXT NOT NULL,
        host TEXT,
        boot_id TEXT,
        pid_namespace TEXT,
        pid INTEGER,
        process_start INTEGER,
        epoch INTEGER NOT NULL,
        heartbeat_ns INTEGER,
        task_key BLOB NOT NULL,
        task TEXT NOT NULL,
        search_settings TEXT NOT NULL,
        simulator_settings TEXT NOT NULL,
        stop TEXT NOT NULL,
        chunk_points INTEGER DEFAULT 0 NOT NULL,
        wish TEXT,
        UNIQUE (uuid),
        CONSTRAINT status_known
            CHECK (status IN ('queued', 'running', 'paused', 'done', 'interrupted', 'failed', 'cancelled')),
        CONSTRAINT wish_known CHECK (wish IN ('pause', 'cancel')),
        CONSTRAINT uuid_hex CHECK (length(uuid) = 32 AND uuid NOT GLOB '*[^0-9a-f]*'),
        CONSTRAINT running_has_owner CHECK (status <> 'running' OR pid IS NOT NULL),
        CONSTRAINT batch_positive CHECK (batch > 0),
        CONSTRAINT hypervolume_finite CHECK (abs(hypervolume) < 9e999),
        CONSTRAINT task_key_size CHECK (length(task_key) BETWEEN 1 AND 64)
    ) STRICT
    """,
    f"INSERT INTO run_of_4 ({_RUN_OF_3}) SELECT {_RUN_OF_3} FROM run ORDER BY id",  # noqa: S608
    "DELETE FROM sqlite_sequence WHERE name = 'run_of_4'",
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'run_of_4', seq FROM sqlite_sequence WHERE name = 'run'",
    "DROP TABLE run",
    "ALTER TABLE run_of_4 RENAME TO run",
    "CREATE INDEX run_by_status ON run (status)",
    "CREATE INDEX run_by_task ON run (task_key)",
)


def _to_4(connection: Connection) -> None:
    """Runs can be cancelled, and asked to stop by others. A CHECK cannot be altered, so that the table is made anew."""
    for statement in _TO_4:
        connection.exec_driver_sql(statement)


_TO_5: Final = (
    """
    CREATE TABLE accuracy (
        "key" BLOB NOT NULL,
        family TEXT NOT NULL,
        family_key BLOB NOT NULL,
        design TEXT NOT NULL,
        data TEXT NOT NULL,
        data_key BLOB NOT NULL,
        recipe TEXT NOT NULL,
        seed INTEGER NOT NULL,
        trainer TEXT NOT NULL,
        metric TEXT NOT NULL,
        accuracy REAL NOT NULL,
        validation REAL NOT NULL,
        parameters INTEGER NOT NULL,
        macs INTEGER NOT NULL,
        epochs INTEGER NOT NULL,
        best_epoch INTEGER NOT NULL,
        seconds REAL NOT NULL,
        created_ns INTEGER NOT NULL,
        code_version TEXT NOT NULL,
        digest BLOB NOT NULL,
        report TEXT NOT NULL,
        network TEXT NOT NULL,
        PRIMARY KEY ("key"),
        CONSTRAINT key_size CHECK (length(key) BETWEEN 16 AND 16),
        CONSTRAINT family_key_size CHECK (length(family_key) BETWEEN 16 AND 16),
        CONSTRAINT data_key_size CHECK (length(data_key) BETWEEN 16 AND 16),
        CONSTRAINT digest_size CHECK (length(digest) BETWEEN 16 AND 16),
        CONSTRAINT parts_of_one CHECK (accuracy BETWEEN 0 AND 1 AND validation BETWEEN 0 AND 1),
        CONSTRAINT size_positive CHECK (parameters > 0 AND macs > 0),
        CONSTRAINT epochs_counted CHECK (best_epoch BETWEEN 1 AND epochs),
        CONSTRAINT seconds_finite CHECK (seconds >= 0 AND seconds < 9e999)
    ) STRICT
    """,
    "CREATE INDEX accuracy_by_family ON accuracy (family_key, data_key)",
    """
    CREATE TABLE training (
        "key" BLOB NOT NULL,
        family TEXT NOT NULL,
        design TEXT NOT NULL,
        data TEXT NOT NULL,
        epochs INTEGER NOT NULL,
        batches INTEGER NOT NULL,
        claim INTEGER NOT NULL,
        updated_ns INTEGER NOT NULL,
        host TEXT,
        boot_id TEXT,
        pid_namespace TEXT,
        pid INTEGER,
        process_start INTEGER,
        state BLOB NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY ("key"),
        CONSTRAINT key_size CHECK (length(key) BETWEEN 16 AND 16),
        CONSTRAINT digest_size CHECK (length(digest) BETWEEN 16 AND 16),
        CONSTRAINT counts_positive CHECK (epochs >= 0 AND batches >= 0 AND claim > 0)
    ) STRICT
    """,
)


def _to_5(connection: Connection) -> None:
    """Accuracies of trained networks have a place, and so have trainings that have not ended."""
    for statement in _TO_5:
        connection.exec_driver_sql(statement)


_TO_6: Final = (
    "ALTER TABLE run ADD COLUMN asynchronous INTEGER DEFAULT 0 NOT NULL "
    "CONSTRAINT asynchronous_flag CHECK (asynchronous IN (0, 1))",
    "ALTER TABLE history ADD COLUMN asked TEXT",
    """
    CREATE TABLE worker (
        run_id INTEGER NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        executor TEXT NOT NULL,
        designs INTEGER NOT NULL,
        seconds REAL NOT NULL,
        failures INTEGER NOT NULL,
        updated_ns INTEGER NOT NULL,
        PRIMARY KEY (run_id, host, pid),
        FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE,
        CONSTRAINT counts_positive CHECK (designs >= 0 AND failures >= 0),
        CONSTRAINT seconds_finite CHECK (seconds >= 0 AND seconds < 9e999)
    ) WITHOUT ROWID, STRICT
    """,
)


def _to_6(connection: Connection) -> None:
    """A search may be asked again before all of a batch has come back; and a run tells what its workers have done."""
    for statement in _TO_6:
        connection.exec_driver_sql(statement)


_TO_7: Final = (
    """
    CREATE TABLE evaluation_of_7 (
        context_id INTEGER NOT NULL,
        "key" BLOB NOT NULL,
        latency_cycles REAL,
        energy_pj REAL,
        area_um2 REAL,
        accuracy REAL,
        infeasible TEXT,
        PRIMARY KEY (context_id, "key"),
        FOREIGN KEY(context_id) REFERENCES context (id),
        CONSTRAINT key_size CHECK (length(key) BETWEEN 1 AND 64),
        CONSTRAINT metrics_or_infeasible CHECK (
            (latency_cycles IS NULL) = (infeasible IS NOT NULL) AND (energy_pj IS NULL) = (infeasible IS NOT NULL)
            AND (area_um2 IS NULL) = (infeasible IS NOT NULL)
        ),
        CONSTRAINT latency_cycles_finite CHECK (latency_cycles >= 0 AND latency_cycles < 9e999),
        CONSTRAINT energy_pj_finite CHECK (energy_pj >= 0 AND energy_pj < 9e999),
        CONSTRAINT area_um2_finite CHECK (area_um2 >= 0 AND area_um2 < 9e999),
        CONSTRAINT accuracy_or_infeasible CHECK (accuracy IS NULL OR infeasible IS NULL),
        CONSTRAINT accuracy_finite CHECK (abs(accuracy) < 9e999)
    ) STRICT
    """,
    """
    INSERT INTO evaluation_of_7
    SELECT context_id, "key", latency_cycles, energy_pj, area_um2, accuracy, infeasible FROM evaluation
    """,
    "DROP TABLE evaluation",
    "ALTER TABLE evaluation_of_7 RENAME TO evaluation",
)


def _to_7(connection: Connection) -> None:
    """Evaluations lie in the order they came, and their keys in an index."""
    for statement in _TO_7:
        connection.exec_driver_sql(statement)


STEPS: Final[Mapping[int, Step]] = {1: _to_2, 2: _to_3, 3: _to_4, 4: _to_5, 5: _to_6, 6: _to_7}
"""STEPS[n] turns schema n into n + 1."""
