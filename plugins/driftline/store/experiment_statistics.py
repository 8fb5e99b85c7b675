"""What the arms of experiments have shown: sums per arm, and per unit where units have several rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Connection, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from driftline.experiments.arm import ArmStatistics
from driftline.store.tables import experiment_arms, experiment_batches, experiment_seen, experiment_units

_UPSERT_UNITS = text(
    """
    INSERT INTO driftline.experiment_units (experiment, counting, unit, sums)
    SELECT :experiment, :counting, (entry ->> 0)::bigint,
           ARRAY(SELECT value::double precision FROM jsonb_array_elements_text(entry -> 1) WITH ORDINALITY
                 AS each (value, place) ORDER BY place)
    FROM jsonb_array_elements(CAST(:entries AS jsonb)) AS entry
    ON CONFLICT (experiment, counting, unit) DO UPDATE SET sums = excluded.sums
    """
)


def arm_statistics(connection: Connection, experiment: str, counting: int) -> dict[str, ArmStatistics]:
    """By version; a version that has shown nothing is absent."""
    rows = connection.execute(
        select(experiment_arms.c.version, experiment_arms.c.statistics).where(
            experiment_arms.c.experiment == experiment, experiment_arms.c.counting == counting
        )
    )
    return {row.version: ArmStatistics.from_json(row.statistics) for row in rows}


def keep_arm_statistics(
    connection: Connection, experiment: str, counting: int, arms: Mapping[str, ArmStatistics]
) -> None:
    """Replaces the statistics of ``arms``."""
    rows = [
        {"experiment": experiment, "counting": counting, "version": version, "statistics": statistics.to_json()}
        for version, statistics in sorted(arms.items())
    ]
    if rows:
        insertion = insert(experiment_arms)
        connection.execute(
            insertion.on_conflict_do_update(
                index_elements=["experiment", "counting", "version"],
                set_={"statistics": insertion.excluded.statistics},
            ),
            rows,
        )


def unit_sums(
    connection: Connection, experiment: str, counting: int, units: Sequence[int]
) -> dict[int, Sequence[float]]:
    """The sums of those of ``units`` that have any."""
    wanted = bindparam("units", list(units), type_=ARRAY(BigInteger))
    rows = connection.execute(
        select(experiment_units.c.unit, experiment_units.c.sums).where(
            experiment_units.c.experiment == experiment,
            experiment_units.c.counting == counting,
            experiment_units.c.unit == wanted.any_(),
        )
    )
    return {row.unit: row.sums for row in rows}


def keep_unit_sums(connection: Connection, experiment: str, counting: int, sums: Mapping[int, Sequence[float]]) -> None:
    """Replaces the sums of some units."""
    import json

    entries = json.dumps([[unit, list(values)] for unit, values in sorted(sums.items())])
    if sums:
        connection.execute(_UPSERT_UNITS, {"experiment": experiment, "counting": counting, "entries": entries})


def drop_units(connection: Connection, experiment: str) -> None:
    """What is kept of single entities goes when nothing is counted any more; the sums per arm stay."""
    for table in (experiment_units, experiment_seen):
        connection.execute(delete(table).where(table.c.experiment == experiment))


def forget_counting(connection: Connection, experiment: str, counting: int) -> None:
    """As if nothing of it had been read."""
    for table in (experiment_arms, experiment_units, experiment_seen):
        connection.execute(delete(table).where(table.c.experiment == experiment, table.c.counting == counting))


def take_batch(connection: Connection, experiment: str, batch_key: str, at: datetime) -> bool:
    """Notes a batch of an application's figures; False where it had come before."""
    added = connection.execute(
        insert(experiment_batches)
        .values(experiment=experiment, batch_key=batch_key, received_at=at)
        .on_conflict_do_nothing()
        .returning(experiment_batches.c.batch_key)
    )
    return added.scalar_one_or_none() is not None
