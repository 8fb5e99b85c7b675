"""Which models the fleet has and what befalls them: decided by the seed, before a row is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from driftline.windows import Window

HOUR = timedelta(hours=1)
TICK = 6 * HOUR
LOOKBACK = 24 * HOUR
LABEL_DELAY = 24 * HOUR

HOSTILE_FEATURES = ("<script>alert(1)</script>", 'O\'Reilly "quoted" / 100 % \\ 🚀')
HOSTILE_VERSION = "v2 <b>\"β\"</b> 'x'/🚀"
HOSTILE_SEGMENT = 'channel="><img src=x>'
SEGMENTS = ("country=DE", HOSTILE_SEGMENT)


class Task(StrEnum):
    """What the fleet's models do."""

    BINARY = "binary_classification"
    REGRESSION = "regression"


class Story(StrEnum):
    """What befalls a model."""

    CALM = "calm"
    DRIFT = "drift"
    """Some features drift for nine days in the middle, and some since two days ago."""
    DEGRADATION = "degradation"
    """Performance falls over the last third, behind a feature that drifts."""
    BAD_ROLLOUT = "bad_rollout"
    """A third version, biased and slow, is rolled back after some hours."""
    BROKEN_FEED = "broken_feed"
    """Nulls surge for two days; labels stay away at the end."""


def last_tick(now: datetime) -> datetime:
    """The last full tick of six hours, in UTC."""
    moment = now.astimezone(UTC)
    return moment.replace(hour=moment.hour // 6 * 6, minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class FleetSize:
    """How large a fleet is filled.

    Attributes
    ----------
    days:
        Of windows: four a day, each over 24 hours.
    until:
        End of the newest window; the last full tick of six hours by default.
    live_hours, profile_hours:
        How far back figures per minute and hourly profiles reach. The figures go up to now, where the newest window
        would be the newest.
    experiments:
        The first so many models that can have one have an experiment.
    """

    models: int = 15
    features: int = 30
    days: int = 90
    seed: int = 7
    until: datetime = field(default_factory=lambda: last_tick(datetime.now(UTC)))
    live_hours: int = 48
    profile_hours: int = 48
    experiments: int = 5


def live_end(size: FleetSize) -> datetime:
    """The minute that figures are counted to."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return now if size.until <= now < size.until + TICK else size.until


SMALL = FleetSize(models=3, features=5, days=4, live_hours=2, profile_hours=6, experiments=2)
"""For ordinary tests."""

THOUSAND = FleetSize(models=1000, features=5, days=1, live_hours=1, profile_hours=1)
"""Many models with few windows each."""


@dataclass(frozen=True)
class FleetModel:
    """One model of the fleet.

    Attributes
    ----------
    versions:
        The first, then its successor; then, where the story has it, the bad one.
    rolled_out, bad_from, bad_until:
        When the second version began to serve, and the span in which the bad one did.
    daily_rows:
        Predictions of a usual day.
    """

    index: int
    name: str
    task: Task
    story: Story
    features: tuple[str, ...]
    segments: tuple[str, ...]
    versions: tuple[str, ...]
    windows: tuple[Window, ...]
    rolled_out: datetime
    bad_from: datetime | None
    bad_until: datetime | None
    daily_rows: int

    def is_numeric(self, feature: str) -> bool:
        """Every third feature is categorical."""
        return self.features.index(feature) % 3 != 2

    def versions_in(self, window: Window) -> tuple[str, ...]:
        """The versions that predicted in the window."""
        spans = self.serving_spans()
        return tuple(
            version for version, start, end in spans if start < window.end and (end is None or end > window.start)
        )

    def serving_spans(self) -> tuple[tuple[str, datetime, datetime | None], ...]:
        """Since when and until when each version served; the second begins as a canary for a day."""
        begin = datetime.min.replace(tzinfo=UTC)
        spans: list[tuple[str, datetime, datetime | None]] = [
            (self.versions[0], begin, self.rolled_out + 24 * HOUR),
            (self.versions[1], self.rolled_out, None),
        ]
        if self.bad_from is not None:
            spans.append((self.versions[2], self.bad_from, self.bad_until))
        return tuple(spans)


def planned(size: FleetSize) -> tuple[FleetModel, ...]:
    """The fleet's models. The first is a binary classifier with hostile names, in the story that has most to show."""
    return tuple(_model(size, index) for index in range(size.models))


_NAMES = ("fraud", "price", "churn", "delivery-time", "recommend", "credit", "demand", "spam", "eta", "ranking")


def _model(size: FleetSize, index: int) -> FleetModel:
    task = Task.REGRESSION if index % 3 == 1 else Task.BINARY
    story = (Story.BAD_ROLLOUT, Story.DRIFT, Story.DEGRADATION, Story.CALM, Story.BROKEN_FEED)[index % 5]
    ticks = [size.until - TICK * step for step in range(size.days * 4 - 1, -1, -1)]
    middle = ticks[len(ticks) * (40 + index % 3 * 10) // 100]
    bad_from = ticks[len(ticks) * 4 // 5] if story is Story.BAD_ROLLOUT else None
    return FleetModel(
        index=index,
        name=f"{_NAMES[index % len(_NAMES)]}-{index:03d}",
        task=task,
        story=story,
        features=_features(size.features, is_hostile=index == 0),
        segments=SEGMENTS if index % 5 == 0 and index < 15 else (),
        versions=("v1", HOSTILE_VERSION if index == 0 else "v2", *(("v3",) if bad_from else ())),
        windows=tuple(Window(tick - LOOKBACK, tick) for tick in ticks),
        rolled_out=middle,
        bad_from=bad_from,
        bad_until=None if bad_from is None else bad_from + TICK + 4 * timedelta(minutes=1),
        daily_rows=2_000 * (1 + (index * 7) % 12),
    )


def _features(count: int, *, is_hostile: bool) -> tuple[str, ...]:
    usual = [f"feature_{number:02d}" for number in range(count)]
    return (*HOSTILE_FEATURES, *usual[2:])[:count] if is_hostile else tuple(usual)
