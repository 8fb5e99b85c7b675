"""``driftline migrate``: bringing the store's tables up to date."""

from __future__ import annotations

from rich.console import Console


def migrate() -> None:
    """Create or update Driftline's tables in the store (connection driftline_store)."""
    from driftline.monitoring.connections import environment_url
    from driftline.store.engine import STORE_CONNECTION, create_store_engine
    from driftline.store.migrate import migrate as run_migrations

    before, after = run_migrations(create_store_engine(environment_url(STORE_CONNECTION)))
    said = "are up to date" if before == after else f"were brought from {before or 'nothing'}"
    Console().print(f"Driftline's tables {said} (revision {after}).", highlight=False)
