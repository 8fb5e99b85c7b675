"""A prediction log and a monitor on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from driftline.config import ModelConfig
from driftline.local.provisioning import LOG_READER, Urls
from driftline.monitoring.monitor import Monitor
from driftline.sources import PredictionLog
from tests.integration.shop_log import ShopLog, shop_log

OpenMonitor = Callable[[ModelConfig], Monitor]


@pytest.fixture
def shop(urls: Urls) -> Iterator[ShopLog]:
    with shop_log(urls.log_owner, LOG_READER) as log:
        yield log


@pytest.fixture
def open_shop(store_engine: Engine, urls: Urls) -> OpenMonitor:
    """Opens a monitor with the roles of an installation: the log's reader, the store's owner."""
    return lambda config: Monitor(config=config, store=store_engine, log=PredictionLog(config, urls.log_reader))


@pytest.fixture
def monitor(shop: ShopLog, open_shop: OpenMonitor) -> Monitor:
    return open_shop(shop.config())


@pytest.fixture
def changed(shop: ShopLog, open_shop: OpenMonitor) -> Callable[..., Monitor]:
    """A monitor whose configuration differs in some top keys."""

    def change(**changes: Any) -> Monitor:
        return open_shop(shop.config(**changes))

    return change


@pytest.fixture
def brief(shop: ShopLog, open_shop: OpenMonitor) -> Callable[..., Monitor]:
    """A monitor of short windows with a short baseline and no segments: what a test needs that is not about those."""

    def open_brief(**changes: Any) -> Monitor:
        short = {"baseline": {"first": "2d"}, "segments": [], "schedule": {"lookback": "6h"}}
        return open_shop(shop.config(**{**short, **changes}))

    return open_brief
