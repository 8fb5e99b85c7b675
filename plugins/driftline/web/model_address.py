"""What the address of a model's page asks to see, so that what somebody looks at can be sent to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from driftline.errors import InputError
from driftline.store.drift_history import Place
from driftline.store.model_history import Span
from driftline.web.addresses import parse_moment, query, stamp, whole_number

DAYS = (1, 7, 30, 90)
"""Spans that are one click away."""
USUAL_DAYS = 30
MOST_DAYS = 3_660


@dataclass(frozen=True)
class ModelAsked:
    """One view of a model. What is empty or ``None`` is as usual.

    Attributes
    ----------
    days:
        Length of the span that ends with ``until`` (with the newest window), unless ``since`` is given.
    window:
        The window that is looked at, by its end; or a day (``2026-03-02``), of which the gravest window is meant.
    q, page:
        Of the features: a part of their names, and which page of them (from 1).
    """

    days: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    segment: str = ""
    version: str | None = None
    metric: str = ""
    feature: str = ""
    window: str = ""
    q: str = ""
    page: int = 1

    @classmethod
    def of(cls, written: Mapping[str, str]) -> ModelAsked:
        """The view that an address's query asks for; what is not known there is passed over.

        Raises
        ------
        InputError
            When a time, a number or the order of both times is not right; the message says how to write it.
        """
        asked = cls(
            days=_days(written.get("days", "")),
            since=_moment(written.get("from", ""), "start (from)"),
            until=_moment(written.get("to", ""), "end (to)"),
            segment=written.get("segment", ""),
            version=written.get("version") or None,
            metric=written.get("metric", ""),
            feature=written.get("feature", ""),
            window=written.get("window", ""),
            q=written.get("q", "").strip(),
            page=max(whole_number(written.get("page") or "1", "page"), 1),
        )
        if asked.since is not None and asked.until is not None and asked.since >= asked.until:
            raise InputError(f"The start {stamp(asked.since)} is not before the end {stamp(asked.until)}.")
        if "\x00" in "".join(written.values()):
            raise InputError("No name has a NUL character.")
        return asked

    def place(self, model: str, span: Span) -> Place:
        """The part of the model's history that is asked for."""
        until = self.until or span.newest
        since = self.since or until - timedelta(days=self.days or USUAL_DAYS)
        return Place(model, min(since, until), until, self.segment, self.version)

    def query(self, **changes: Any) -> str:
        """The end of the address of this view with changes, such as ``?days=7&feature=amount``."""
        view = replace(self, **changes)
        written: dict[str, object] = {name: value or None for name, value in asdict(view).items()}
        written["from"] = written.pop("since") and stamp(view.since or datetime.now(UTC))
        written["to"] = written.pop("until") and stamp(view.until or datetime.now(UTC))
        written["page"] = view.page if view.page > 1 else None
        return query(written) or "?"


def _days(written: str) -> int | None:
    if not written:
        return None
    days = whole_number(written, "number of days")
    if not 1 <= days <= MOST_DAYS:
        raise InputError(f"{days} days cannot be shown. Ask for 1 to {MOST_DAYS:,}.")
    return days


def _moment(written: str, name: str) -> datetime | None:
    """A time; one without a zone comes from the page's form, whose fields say that they are in UTC."""
    if not written:
        return None
    return parse_moment(written if written[10:].strip("T0123456789:.") else f"{written}Z", name)
