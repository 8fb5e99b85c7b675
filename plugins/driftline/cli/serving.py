"""``driftline routes``, ``versions``, ``promote`` and ``rollback``: the serving registry from a terminal."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table

from driftline.cli.exit_codes import ExitCode
from driftline.cli.options import AsJson
from driftline.errors import InputError
from driftline.serving import VersionHealth, VersionStatus

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from driftline.serving import ModelVersion, RouteChange, Routes

ModelName = Annotated[str, typer.Argument(help="A model of the serving registry.", show_default=False)]
Version = Annotated[str, typer.Argument(help="A registered version.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why: kept in the history.", show_default=False)]
Share = Annotated[str, typer.Option(help="Share of the traffic, above 0 and at most 1.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Target = Annotated[str | None, typer.Option("--to", help="Where to. Default: the last stable version.")]
Last = Annotated[int, typer.Option(min=1, max=1_000, help="So many changes of the history.")]
Revision = Annotated[int | None, typer.Option(help="Refuse unless the routes are at this revision.")]


def routes(model: ModelName, last: Last = 10, as_json: AsJson = False) -> None:
    """Show who gets the model's traffic, and how that came about."""
    from driftline.store.registry import current_routes, route_changes

    with _transaction() as connection:
        now, history = current_routes(connection, model), route_changes(connection, model, limit=last)
    if as_json:
        typer.echo(json.dumps({**_routes_json(now), "history": [_change_json(change) for change in history]}, indent=2))
        return
    console = Console()
    console.print(f"{model}: revision {now.revision}, {_told(now.shares)} ({now.strategy})", highlight=False)
    table = Table("revision", "when (UTC)", "who", "from", "to", "why")
    for change in history:
        table.add_row(
            str(change.revision),
            f"{change.changed_at:%Y-%m-%d %H:%M:%S}",
            *(plain(text) for text in (change.actor, _told(change.shares_before), _told(change.shares_after))),
            plain(change.reason),
        )
    console.print(table)


def versions(model: ModelName, as_json: AsJson = False) -> None:
    """Show the model's registered versions: what they are used for, how they are, their artefact."""
    from driftline.store.registry import current_routes
    from driftline.store.registry import versions as registered

    with _transaction() as connection:
        known, now = registered(connection, model), current_routes(connection, model)
    if as_json:
        found = [_version_json(version, now) for version in known.values()]
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("version", "status", "health", "share", "registered (UTC)", "artefact")
    for name, version in known.items():
        share = now.shares.get(name, Decimal(0))
        table.add_row(
            plain(name),
            version.status.value,
            version.health.value,
            _percent(share) if share else "",
            f"{version.registered_at:%Y-%m-%d %H:%M}",
            plain(version.artifact_uri),
        )
    Console().print(table if known else f"{model} has no registered version.", highlight=False)


def register(
    model: ModelName,
    version: Annotated[str, typer.Argument(help="What the prediction log calls it.", show_default=False)],
    artifact_uri: Annotated[str, typer.Option(help="Where its artefact is, for example s3://models/fraud/7.")],
    shadow: Annotated[bool, typer.Option("--shadow", help="It predicts beside the others; nobody uses it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a version known, so that it can be promoted. It gets no traffic by this.

    Exit code 0: known now (or was already); 2: refused, and the message says why.
    """
    from driftline.store.registry import register_version

    with _transaction() as connection:
        is_new = register_version(
            connection,
            model=_required_name(model, "model"),
            version=_required_name(version, "version"),
            artifact_uri=_required_name(artifact_uri, "--artifact-uri"),
            at=datetime.now(UTC),
            status=VersionStatus.SHADOW if shadow else VersionStatus.REGISTERED,
        )
    if as_json:
        typer.echo(json.dumps({"model": model, "version": version, "is_new": is_new}, indent=2))
        return
    said = f"Registered {version} of {model}." if is_new else f"{version} of {model} is registered already."
    Console().print(said, highlight=False, markup=False)


def mark(
    model: ModelName,
    version: Version,
    status: Annotated[VersionStatus | None, typer.Option(help="What it is used for.")] = None,
    health: Annotated[VersionHealth | None, typer.Option(help="How its serving is.")] = None,
) -> None:
    """Set a version's status or health: a quarantined one that was found good, one that is not to be rolled back to.

    Exit code 0: set; 2: refused, and the message says why.
    """
    from driftline.store.registry import set_health, set_status

    if status is None and health is None:
        raise InputError("Give --status, --health, or both: there is nothing to set.")
    now = datetime.now(UTC)
    with _transaction() as connection:
        if status is not None:
            set_status(connection, model=model, version=version, status=status, at=now)
        if health is not None:
            set_health(connection, model=model, version=version, health=health, at=now)
    told = ", ".join(each.value for each in (status, health) if each is not None)
    Console().print(f"{version} of {model}: {told}.", highlight=False, markup=False)


def promote(  # noqa: PLR0917 - typer's options
    model: ModelName,
    version: Version,
    reason: Reason,
    share: Share = "1",
    expected_revision: Revision = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give a version traffic: all of it, or a share while the others keep their ratio.

    Exit code 0: done (or would be); 2: refused, and the message says why.
    """
    from driftline.store.promotion import promote as give

    with _transaction(dry_run=dry_run) as connection:
        change = give(
            connection,
            model=model,
            version=version,
            share=_share(share),
            expected_revision=expected_revision,
            actor=person(),
            reason=_required(reason),
            cause_key=f"promote/{model}/{uuid4()}",
            at=datetime.now(UTC),
        )
    if as_json:
        typer.echo(json.dumps({**_change_json(change), "is_dry_run": dry_run}, indent=2))
        return
    Console().print(f"{'Would route' if dry_run else 'Routed'} {model}: {_move(change)}", highlight=False, markup=False)


def rollback(  # noqa: PLR0917 - typer's options
    model: ModelName,
    reason: Reason,
    version: Annotated[str | None, typer.Option(help="The bad version. Default: the newest that serves.")] = None,
    target: Target = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take all traffic off a bad version at once, and quarantine it.

    Exit code 0: done (or would be); 2: refused, and the message says why.
    """
    from driftline.store.registry import roll_back

    with _transaction(dry_run=dry_run) as connection:
        outcome = roll_back(
            connection,
            model=model,
            bad_version=version or _newest_serving(connection, model),
            reason=_required(reason),
            actor=person(),
            cause_key=f"rollback/{model}/{uuid4()}",
            at=datetime.now(UTC),
            target_version=target,
        )
    if as_json:
        found = {
            "is_done": outcome.is_done and not dry_run,
            "is_dry_run": dry_run,
            "bad_version": outcome.bad_version,
            "target_version": outcome.target_version,
            "refusal": outcome.refusal,
            "explanation": outcome.explanation,
        }
        typer.echo(json.dumps(found, indent=2))
    else:
        said = f"Dry run, nothing was changed. {outcome.explanation}" if dry_run else outcome.explanation
        Console().print(said, highlight=False, markup=False)
    if not outcome.is_done:
        raise typer.Exit(ExitCode.REFUSED)


@contextmanager
def _transaction(*, dry_run: bool = False) -> Iterator[Connection]:
    from driftline.monitoring.connections import environment_url
    from driftline.store.engine import STORE_CONNECTION, create_store_engine, store_transaction

    with store_transaction(create_store_engine(environment_url(STORE_CONNECTION))) as connection:
        yield connection
        if dry_run:
            connection.rollback()


def _newest_serving(connection: Connection, model: str) -> str:
    from driftline.store.registry import current_routes
    from driftline.store.registry import versions as registered

    serving = current_routes(connection, model).shares
    newest = [name for name in registered(connection, model) if name in serving]
    if not newest:
        raise InputError(f"No version of {model!r} gets traffic: there is nothing to roll back.")
    return newest[-1]


def _share(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation:
        raise InputError(f"--share is {written!r}; write a number above 0 and at most 1, for example 0.05.") from None


def _required(reason: str) -> str:
    if not reason.strip():
        raise InputError("--reason is empty. The history keeps why routes were changed: say it.")
    return reason


def _required_name(name: str, what: str) -> str:
    if not name.strip():
        raise InputError(f"The {what} is empty.")
    return name


def person() -> str:
    """Who is at the keyboard."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _move(change: RouteChange) -> str:
    return f"{_told(change.shares_before)} -> {_told(change.shares_after)} (revision {change.revision})"


def _told(shares: Any) -> str:
    return ", ".join(f"{version} {_percent(share)}" for version, share in shares.items()) or "nobody"


def _percent(share: Decimal) -> str:
    return f"{float(share) * 100:g} %"


def _routes_json(now: Routes) -> dict[str, Any]:
    return {
        "model": now.model,
        "revision": now.revision,
        "strategy": now.strategy.value,
        "shares": {version: float(share) for version, share in now.shares.items()},
    }


def _change_json(change: RouteChange) -> dict[str, Any]:
    return {
        "model": change.model,
        "revision": change.revision,
        "changed_at": change.changed_at.isoformat(),
        "actor": change.actor,
        "reason": change.reason,
        "shares_before": {version: float(share) for version, share in change.shares_before.items()},
        "shares_after": {version: float(share) for version, share in change.shares_after.items()},
    }


def _version_json(version: ModelVersion, now: Routes) -> dict[str, Any]:
    return {
        "model": version.model,
        "version": version.version,
        "artifact_uri": version.artifact_uri,
        "status": version.status.value,
        "health": version.health.value,
        "share": float(now.shares.get(version.version, 0)),
        "registered_at": version.registered_at.isoformat(),
        "updated_at": version.updated_at.isoformat(),
    }


def plain(text: str) -> Any:
    """A text whose brackets are no markup."""
    from rich.text import Text

    return Text(text)
