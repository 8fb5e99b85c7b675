"""``driftline grants``: what other roles may read of the store."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from driftline.store.grants import Reader


def grants(
    role: Annotated[str, typer.Argument(help="A role of the store's Postgres that is there already.")],
    reader: Annotated[
        Reader,
        typer.Option("--for", help="dashboards: what Grafana shows; routing: what serving applications ask for."),
    ],
    show: Annotated[bool, typer.Option("--show", help="Only print the SQL.")] = False,
) -> None:
    """Let a role read as much of the store as it needs, and no more; again after every migration."""
    from driftline.monitoring.connections import environment_url
    from driftline.store.engine import STORE_CONNECTION, create_store_engine, store_transaction
    from driftline.store.grants import grant_reading, grant_statements

    console = Console(soft_wrap=True)
    with store_transaction(create_store_engine(environment_url(STORE_CONNECTION))) as connection:
        if show:
            for statement in grant_statements(connection, role, reader):
                console.print(f"{statement};", markup=False, highlight=False)
            return
        ran = grant_reading(connection, role, reader)
    read = sum(statement.startswith("GRANT SELECT") for statement in ran)
    console.print(f"{role} may now read {read} of Driftline's tables, and nothing else of them.", highlight=False)
