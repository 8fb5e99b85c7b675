from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftline.alerts import Silence
from driftline.alerts.silences import is_silenced

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def silence(cause: str = "", subject: str = "", ended_at: datetime | None = None) -> Silence:
    return Silence(
        silence_id=1, model="fraud", cause=cause, subject=subject, reason="x", created_by="ada", created_at=NOON,
        until=NOON + 4 * HOUR, ended_at=ended_at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("silences", "subjects", "expected"),
    [
        ([], {"a"}, False),
        ([silence()], {"a"}, True),
        ([silence()], set(), True),
        ([silence("drift")], {"a"}, True),
        ([silence("quality")], {"a"}, False),
        ([silence(subject="a")], {"a"}, True),
        ([silence(subject="a")], {"a", "b"}, False),
        ([silence(subject="a"), silence("drift", "b")], {"a", "b"}, True),
        ([silence(subject="a"), silence("quality", "b")], {"a", "b"}, False),
        ([silence(subject="a")], set(), False),
    ],
)
def test_one_subject_that_nobody_silenced_is_enough_to_tell(
    silences: list[Silence], subjects: set[str], expected: bool
) -> None:
    assert is_silenced(silences, "drift", subjects) is expected


def test_silencing_a_check_silences_all_of_its_causes() -> None:
    assert is_silenced([silence("drift")], "drift/temp", {"temp", "wind"})
    assert not is_silenced([silence("quality")], "drift/temp", {"temp", "wind"})


def test_a_silence_ends_by_itself_or_by_a_person() -> None:
    assert [silence().is_in_force(NOON + hours * HOUR) for hours in (-1, 0, 3, 4)] == [False, True, True, False]
    assert not silence(ended_at=NOON + HOUR).is_in_force(NOON + HOUR)
    assert silence(ended_at=NOON + HOUR).is_in_force(NOON)
