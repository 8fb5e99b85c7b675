"""A shorter log: reading needs no baseline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from driftline.local.provisioning import LOG_READER, Urls
from tests.integration.shop_log import ShopLog, shop_log


@pytest.fixture
def shop(urls: Urls) -> Iterator[ShopLog]:
    """The first day only."""
    with shop_log(urls.log_owner, LOG_READER, days=1) as log:
        yield log
