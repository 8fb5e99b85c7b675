"""A version beside the one before it, and where metrics are heading."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from driftline.findings import Check, Comparison, Finding, Severity, Status
from driftline.monitoring.decision import Context
from driftline.monitoring.monitor import Monitor
from driftline.monitoring.run import WindowRun, run_window
from driftline.serving import VersionStatus
from driftline.store.engine import store_transaction
from driftline.store.model_versions import register_version
from driftline.store.routing import change_routes
from driftline.store.windows import replace_findings
from driftline.windows import Window
from tests.integration.shop_log import END, ShopLog

Brief = Callable[..., Monitor]

HOUR = timedelta(hours=1)
WINDOW = Window(END - 12 * HOUR, END)
ONLY_PERFORMANCE = {check: {"enabled": False} for check in ("drift", "predictions", "quality")}
CHECKS = {**ONLY_PERFORMANCE, "performance": {"minimum_labels": 100, "metrics": ["accuracy"]}}


@pytest.fixture
def monitor(brief: Brief) -> Monitor:
    return brief(checks=CHECKS)


def run(monitor: Monitor) -> WindowRun:
    return run_window(monitor, WINDOW, Context(run_id="test", now=END + 7 * HOUR))


def beside(found: WindowRun) -> dict[str, Finding]:
    return {one.version: one for one in found.findings if one.comparison is Comparison.VERSION}


def introduce(shop: ShopLog, *, share: int = 2, is_wrong: bool = False) -> None:
    """Version v2 answers one of ``share`` predictions of the window, and of its labels a third may be wrong."""
    shop.execute(
        "UPDATE {schema}.predictions SET model_version = 'v2' WHERE predicted_at >= %s AND prediction_id %% %s = 0",
        WINDOW.start,
        share,
    )
    if is_wrong:
        shop.execute(
            "UPDATE {schema}.labels SET was_fraud = NOT was_fraud WHERE prediction_id IN (SELECT prediction_id FROM "
            "{schema}.predictions WHERE model_version = 'v2' AND hashint8(prediction_id) % 3 = 0)"
        )


def test_a_worse_version_is_told_beside_the_one_that_still_predicts(monitor: Monitor, shop: ShopLog) -> None:
    introduce(shop, is_wrong=True)
    found = beside(run(monitor))
    assert set(found) == {"v2"}
    assert (found["v2"].status, found["v2"].subject) == (Status.DETECTED, "accuracy")
    assert found["v2"].details["reference_version"] == "v1"
    assert found["v2"].details["is_same_window"]
    assert found["v2"].description.startswith("Beside version v1 in the same window: Accuracy is")
    assert "version v1 has" in found["v2"].description


def test_a_version_as_good_as_the_one_before_is_fine(monitor: Monitor, shop: ShopLog) -> None:
    introduce(shop)
    found = beside(run(monitor))
    assert found["v2"].status is Status.OK


def test_where_the_earlier_version_is_gone_its_last_days_count(monitor: Monitor, shop: ShopLog) -> None:
    run_window(monitor, WINDOW.previous, Context(now=END))
    introduce(shop, share=1, is_wrong=True)
    found = beside(run(monitor))["v2"]
    assert (found.status, found.details["is_same_window"]) == (Status.DETECTED, False)
    assert "in its last days (2026-03-" in found.description


def test_an_earlier_version_with_too_few_labels_is_named(monitor: Monitor, shop: ShopLog) -> None:
    run(monitor)
    shop.execute("UPDATE {schema}.predictions SET model_version = 'v0' WHERE predicted_at < %s", WINDOW.start)
    shop.execute(
        "DELETE FROM {schema}.labels WHERE prediction_id IN "
        "(SELECT prediction_id FROM {schema}.predictions WHERE model_version = 'v0')"
    )
    run_window(monitor, WINDOW.previous, Context(now=END))  # nothing of v0 has a label by now
    found = beside(run(monitor))
    assert found == {} or all(one.status is Status.NOT_EVALUATED for one in found.values())


def test_the_first_version_is_compared_with_none(monitor: Monitor) -> None:
    assert beside(run(monitor)) == {}


def test_the_routes_say_which_version_came_before(monitor: Monitor, shop: ShopLog, store_engine: Engine) -> None:
    """By the routes v2 came first, whatever the log's order: it is not held against v1, and v1 is against it."""
    introduce(shop, is_wrong=False)
    with store_transaction(store_engine) as connection:
        for n, version in enumerate(("v2", "v1")):
            register_version(
                connection, model="fraud", version=version, artifact_uri="s3://x/" + version, at=END,
                status=VersionStatus.PRODUCTION,
            )  # fmt: skip
            change_routes(
                connection, model="fraud", shares={version: 1}, expected_revision=None, actor="test", reason="",
                cause_key=f"test/{n}", at=END,
            )  # fmt: skip
    assert set(beside(run(monitor))) == {"v1"}


def past(days: float, value: float | None, segment: str = "") -> tuple[Window, Finding]:
    window = Window(WINDOW.start - days * 24 * HOUR, WINDOW.end - days * 24 * HOUR)
    return window, Finding(
        check=Check.PERFORMANCE,
        version="v1",
        segment=segment,
        subject="accuracy",
        test="degradation",
        comparison=Comparison.BASELINE,
        status=Status.OK if value is not None else Status.NOT_EVALUATED,
        statistic=value,
    )


def keep(monitor: Monitor, *history: tuple[Window, Finding]) -> None:
    with store_transaction(monitor.store) as connection:
        for window, finding in history:
            replace_findings(connection, monitor.model, window, Check.PERFORMANCE, [finding])


def trend_of(found: WindowRun) -> list[Finding]:
    return [one for one in found.findings if one.test == "trend"]


def test_enough_windows_give_a_trend_that_decides_nothing(brief: Brief) -> None:
    objective = {**CHECKS["performance"], "objectives": {"accuracy": 0.5}}
    monitor = brief(checks={**CHECKS, "performance": objective})
    now = next(one for one in run(monitor).findings if one.test == "degradation" and one.segment == "").statistic
    assert now is not None
    keep(monitor, *(past(0.5 * n, now + 0.005 * 0.5 * n) for n in range(1, 30)))
    found = run(monitor)
    [trend] = trend_of(found)
    assert trend.statistic == pytest.approx(-0.005)
    assert (trend.threshold, trend.current_size, trend.severity) == (0.5, 30, Severity.NONE)
    assert trend.is_information
    assert trend.details["days_until_slo_violation"] == pytest.approx((now - 0.5) / 0.005, rel=0.01)
    assert "it reaches its objective of 50.0% in" in trend.description


def test_too_few_windows_give_no_trend(monitor: Monitor) -> None:
    keep(monitor, *(past(0.5 * n, 0.9) for n in range(1, 11)))
    assert trend_of(run(monitor)) == []


def test_windows_without_a_value_of_segments_and_beyond_thirty_days_are_left_out(monitor: Monitor) -> None:
    keep(monitor, *(past(0.5 * n, None) for n in range(1, 8)))
    keep(monitor, *(past(0.5 * n, 0.9, "country=DE") for n in range(8, 15)))
    keep(monitor, *(past(31 + n, 0.9) for n in range(15)))
    assert trend_of(run(monitor)) == []
