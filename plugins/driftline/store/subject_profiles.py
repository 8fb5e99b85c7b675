"""One subject's two profiles, reference and window, without loading those of all others. Nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from driftline.profiles.profile import Profile, merge
from driftline.profiles.serialization import unpack_binning, unpack_profile
from driftline.store.slices import Part
from driftline.windows import Window


@dataclass(frozen=True)
class SubjectProfiles:
    """A subject in the baseline's period and in a window; ``None`` where that side's profile is not kept (any more).

    Attributes
    ----------
    period:
        Of the baseline that the window was counted by.
    """

    period: Window
    reference: Profile | None
    current: Profile | None


_BINNING = text(
    """
    SELECT w.baseline_id, b.period_start, b.period_end, i.kind, i.payload
    FROM driftline.windows w JOIN driftline.baselines b USING (baseline_id)
    JOIN driftline.baseline_binnings s ON s.baseline_id = w.baseline_id AND s.subject = :subject
    JOIN driftline.binnings i ON i.binning_id = s.binning_id
    WHERE w.model = :model AND w.window_start = :start AND w.window_end = :end
    """
)
_REFERENCE = text(
    "SELECT kind, payload FROM driftline.baseline_profiles "
    "WHERE baseline_id = :baseline_id AND segment = :segment AND subject = :subject"
)
_CURRENT = text(
    """
    SELECT kind, payload FROM driftline.profiles
    WHERE model = :model AND baseline_id = :baseline_id AND part = :part AND slice_start >= :start
        AND slice_start < :end AND subject = :subject AND segment = :segment
        AND (CAST(:version AS text) IS NULL OR version = :version)
    ORDER BY slice_start, version
    """
)


def subject_profiles(
    connection: Connection, model: str, window: Window, subject: str, *, segment: str = "", version: str | None = None
) -> SubjectProfiles | None:
    """The subject on both sides, of one version or of all together.

    ``None`` where the window is not there, or the baseline that it was counted by does not have the subject.
    """
    asked = {"model": model, "start": window.start, "end": window.end, "subject": subject}
    row = connection.execute(_BINNING, asked).one_or_none()
    if row is None:
        return None
    binning = unpack_binning(row.kind, row.payload)
    asked |= {"baseline_id": row.baseline_id, "segment": segment, "version": version, "part": Part.PREDICTIONS.value}
    references = connection.execute(_REFERENCE, asked).all()
    slices = connection.execute(_CURRENT, asked).all()
    reference = [unpack_profile(stored.kind, stored.payload, binning) for stored in references]
    current = [unpack_profile(stored.kind, stored.payload, binning) for stored in slices]
    return SubjectProfiles(
        Window(row.period_start, row.period_end),
        reference[0] if reference else None,
        merge(current) if current else None,  # type: ignore[type-var]
    )
