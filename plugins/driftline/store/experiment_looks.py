"""What looks at many experiments found, kept by one statement each for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from driftline.experiments.result import Look
from driftline.experiments.verdict import Ruling
from driftline.store.json_values import json_safe, json_text

_KEEP = text(
    """
    UPDATE driftline.experiments AS kept
    SET analysis = found.analysis, looks = kept.looks || found.looks, looked_at = :at, error = ''
    FROM jsonb_to_recordset(CAST(:found AS jsonb)) AS found (experiment text, analysis jsonb, looks jsonb)
    WHERE kept.experiment = found.experiment
    """
)
_RULE = text(
    """
    INSERT INTO driftline.experiment_verdicts
        (experiment, number, phase, stage, verdict, winner, reason, recommendation, actor, is_override, decided_at,
         analysis)
    SELECT ruled.experiment,
           1 + coalesce((SELECT max(earlier.number) FROM driftline.experiment_verdicts AS earlier
                         WHERE earlier.experiment = ruled.experiment), 0),
           kept.phase, kept.stage, ruled.verdict, ruled.winner, ruled.reason, ruled.recommendation, :actor, false, :at,
           kept.analysis
    FROM jsonb_to_recordset(CAST(:ruled AS jsonb))
        AS ruled (experiment text, verdict text, winner text, reason text, recommendation text)
    JOIN driftline.experiments AS kept ON kept.experiment = ruled.experiment
    """
)
"""The analysis has been kept before."""


@dataclass(frozen=True, kw_only=True)
class FoundLook:
    """What a look at an experiment found.

    Attributes
    ----------
    analysis:
        As it is kept.
    look:
        Of the group sequential test, to be kept behind those before it; None where none was made.
    ruling:
        To be recorded; None where the latest verdict stands.
    """

    experiment: str
    analysis: Mapping[str, Any]
    look: Look | None
    ruling: Ruling | None


def keep_looks(connection: Connection, found: Sequence[FoundLook], actor: str, at: datetime) -> None:
    """Keeps the analyses and records the rulings; the caller holds the locks of all these experiments."""
    if not found:
        return
    entries = [
        {
            "experiment": each.experiment,
            "analysis": each.analysis,
            "looks": [] if each.look is None else [each.look.to_json()],
        }
        for each in found
    ]
    connection.execute(_KEEP, {"at": at, "found": json_text(entries)})
    ruled = [
        {
            "experiment": look.experiment,
            "verdict": look.ruling.verdict.value,
            "winner": look.ruling.winner,
            "reason": look.ruling.reason,
            "recommendation": look.ruling.recommendation,
        }
        for look in found
        if look.ruling is not None
    ]
    if ruled:
        connection.execute(_RULE, {"actor": json_safe(actor), "at": at, "ruled": json_text(ruled)})
