"""Where an incident is told: per destination one thread, in which all about it is said."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from driftline.alerts.delivery import Thread
from driftline.store.tables import incident_threads


def known_thread(connection: Connection, destination: str, incident_ids: Sequence[int]) -> Thread | None:
    """The thread of the first of the incidents; None where that has none yet at this destination."""
    if not incident_ids:
        return None
    row = connection.execute(
        select(incident_threads.c.channel, incident_threads.c.thread).where(
            incident_threads.c.destination == destination, incident_threads.c.incident_id == incident_ids[0]
        )
    ).one_or_none()
    return None if row is None else Thread(row.channel, row.thread)


def remember_thread(
    connection: Connection, destination: str, incident_ids: Sequence[int], begun: Thread, lost: Thread | None
) -> None:
    """Keeps the thread that a message has begun for those of its incidents that have none yet.

    Parameters
    ----------
    lost:
        The thread that the message was meant for and that is no longer there: ``begun`` takes its place.
    """
    for incident_id in incident_ids:
        kept = insert(incident_threads).values(
            incident_id=incident_id, destination=destination, channel=begun.channel, thread=begun.timestamp
        )
        if lost is None:
            connection.execute(kept.on_conflict_do_nothing())
        else:
            connection.execute(
                kept.on_conflict_do_update(
                    index_elements=["incident_id", "destination"],
                    set_={"channel": begun.channel, "thread": begun.timestamp},
                    where=incident_threads.c.thread == lost.timestamp,
                )
            )
