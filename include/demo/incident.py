"""Breaks something real in the demo, and shows what happens: detection, rollback, recovery, with their times.

A serving application with the flight models is started, and asked about flights of the year. At the end what the
incident logged is taken away again; a version that was rolled back stays quarantined.
"""

from __future__ import annotations

from rich.console import Console

from driftline.local.provisioning import Urls
from include.demo.guard_incident import play_guard_incident
from include.demo.incident_kinds import IncidentKind
from include.demo.incident_stage import set_stage
from include.demo.stack import Stack
from include.demo.window_incident import play_window_incident


def run_incident(kind: IncidentKind, stack: Stack, urls: Urls, console: Console) -> None:
    """Breaks, watches and cleans up.

    Raises
    ------
    LocalSetupError
        When nothing comes of it, or not what should.
    """
<<<<<<< HEAD
    store = create_store_engine(urls.store)
    with _serving(stack, urls) as url:
        seen = Seen()
        traffic = Traffic(url, _flights(), MODEL, f"{PREFIX}{uuid4().hex[:8]}-", answered=seen.note)
        traffic.start()
        try:
            with console.status(f"{MODEL} is asked 4 times a second; all is well"):
                time.sleep(WARM_UP_SECONDS)
            _break(kind, store, stack, seen, console)
            _watch(store, seen, console)
        finally:
            traffic.stop()
            _faults_file(stack).unlink(missing_ok=True)
            _take_away(urls, traffic.prefix)
    console.print(f"What the incident logged ({traffic.asked} predictions) is taken out of the log again.")


def _break(kind: IncidentKind, store: Engine, stack: Stack, seen: Seen, console: Console) -> None:
    version = _next_version(store)
    faults = _faults_file(stack)
    faults.write_text(json.dumps({version: _FAULTS[kind]}), encoding="utf-8")
    now = datetime.now(UTC)
    with store_transaction(store) as connection:
        before = current_routes(connection, MODEL)
        register_version(
            connection, model=MODEL, version=version, artifact_uri=f"{faults.parent.as_uri()}/{MODEL}-{version}", at=now
        )
        change = promote(
            connection, model=MODEL, version=version, share=Decimal(1), expected_revision=before.revision, actor="demo",
            reason=f"demo incident: {kind}", cause_key=f"demo/{MODEL}/{version}", at=now,
        )  # fmt: skip
    seen.version = version
    console.print(
        f"{now:%H:%M:%S}  [bold]{version}[/bold] of {MODEL} gets all the traffic (revision {change.revision}), and "
        f"{_TOLD[kind]}.",
        highlight=False,
    )


def _watch(store: Engine, seen: Seen, console: Console) -> None:
    """Tells each step as it comes, in seconds since the first bad answer."""
    told: set[str] = set()

    def tell(what: str, at: float, text: str) -> None:
        if what not in told and seen.first_bad is not None:
            told.add(what)
            console.print(f"  {at - seen.first_bad:+7.1f} s  {text}", highlight=False, markup=False)

    deadline = time.time() + GIVE_UP_SECONDS
    while time.time() < deadline:
        time.sleep(0.5)
        if seen.first_bad is not None:
            tell("bad", seen.first_bad, f"the first caller gets a bad answer of {seen.version}")
        rollback = _rollback_of(store, seen.version)
        if rollback is None:
            continue
        tell("seen", rollback.first_seen_at.timestamp(), f"the guard sees it: {rollback.reason}")
        tell(rollback.status.value, rollback.updated_at.timestamp(), rollback.explanation)
        if not rollback.status.has_changed_routes:
            return
        if seen.good_since is not None and seen.last_bad is not None:
            tell("last", seen.last_bad, "the last caller gets a bad answer")
        sent = _sent_at(store, rollback)
        if sent is not None:
            tell("sent", sent.timestamp(), "the alert is delivered")
        if rollback.ended_at is not None:
            return
    raise LocalSetupError(
        f"Nothing came of it within {GIVE_UP_SECONDS / 60:.0f} minutes. Look at {GUARD} in Airflow, and at "
        "`driftline live` and `driftline rollbacks list`."
    )


def _rollback_of(store: Engine, version: str) -> Rollback | None:
    with store_reading(store) as connection:
        found = [each for each in rollbacks_of(connection, MODEL, limit=20) if each.bad_version == version]
    return found[0] if found else None


def _sent_at(store: Engine, rollback: Rollback) -> datetime | None:
    with store_reading(store) as connection:
        return connection.execute(
            select(alert_outbox.c.sent_at)
            .where(alert_outbox.c.deduplication_key.contains(f"rollback/{rollback.cause_key}/done", autoescape=True))
            .limit(1)
        ).scalar_one_or_none()


def _next_version(store: Engine) -> str:
    with store_transaction(store) as connection:
        known = versions(connection, MODEL)
    numbers = [int(name[1:]) for name in known if name.startswith("v") and name[1:].isdigit()]
    return f"v{max(numbers, default=0) + 1}"


def require_running(stack: Stack) -> None:
    """Refuses (`LocalSetupError`) while the demo is not running."""
    if not stack.running().get("airflow-scheduler"):
        raise LocalSetupError("The demo is not running. `make demo` starts it.")


def _flights() -> pd.DataFrame:
    """Of the month and the time of day that it is: traffic as it is usual now."""
    from include.demo.flights import load_flights

    flights, now = load_flights(), datetime.now(UTC)
    near = flights["predicted_at"].dt.month.eq(now.month) & flights["label_at"].notna()
    return flights[near].reset_index(drop=True)


def _faults_file(stack: Stack) -> Any:
    return stack.state / "faults.json"


@contextmanager
def _serving(stack: Stack, urls: Urls) -> Iterator[str]:
    port = first_free_port(SERVING_PORT)
    variables = {
        ROUTES_VARIABLE: urls.router,
        LOG_VARIABLE: urls.log_owner,
        MODELS_VARIABLE: str(stack.models_folder),
        FAULTS_VARIABLE: str(_faults_file(stack)),
        PORT_VARIABLE: str(port),
    }
    program: BackgroundProcess = stack.program("serving", ("-m", "include.demo.serving"), variables)
    program.stop()
    program.start()
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_healthy(url, program)
        yield url
    finally:
        program.stop()


def _wait_until_healthy(url: str, program: BackgroundProcess) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", timeout=5, trust_env=False).json()["routes"]["is_connected"]:
                return
        except (httpx.HTTPError, ValueError, KeyError):
            time.sleep(0.5)
    raise LocalSetupError(f"The serving application does not come up:\n{program.end_of_log()}")


def _take_away(urls: Urls, prefix: str) -> None:
    with psycopg.connect(urls.log_owner, autocommit=True) as connection:
        for table in (PREDICTIONS[MODEL], LABELS[MODEL]):
            statement = sql.SQL("DELETE FROM {} WHERE starts_with(prediction_id, %s)")
            connection.execute(statement.format(sql.Identifier(SCHEMA, table)), [prefix])
=======
    with set_stage(stack, urls) as stage:
        if kind.is_seen_by_windows:
            play_window_incident(kind, stage, stack.airflow(urls), console)
        else:
            play_guard_incident(kind, stage, console)
    console.print("What the incident logged is taken out of the log again.")
>>>>>>> main
