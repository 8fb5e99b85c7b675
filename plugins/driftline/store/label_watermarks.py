"""How far each model's labels have been looked through, by the time at which they arrived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from driftline.store.json_values import json_safe
from driftline.store.tables import label_watermarks


@dataclass(frozen=True)
class LabelWatermark:
    """Where the last look at a model's labels ended.

    Attributes
    ----------
    arrived_until:
        Newest arrival that was looked at; ``None`` where there were no labels.
    looked_at, compared_at:
        When the labels were last looked for by their arrival, and when every slice was last compared.
    delays:
        How long labels took lately (`driftline.performance.DelayCurve`); empty where nothing is known.
    """

    arrived_until: datetime | None
    looked_at: datetime
    compared_at: datetime | None
    delays: Mapping[str, Any]


def label_watermark(connection: Connection, model: str) -> LabelWatermark | None:
    row = connection.execute(select(label_watermarks).where(label_watermarks.c.model == model)).one_or_none()
    if row is None:
        return None
    return LabelWatermark(row.arrived_until, row.looked_at, row.compared_at, row.delays)


def write_label_watermark(connection: Connection, model: str, watermark: LabelWatermark) -> None:
    values = {
        "model": model,
        "arrived_until": watermark.arrived_until,
        "looked_at": watermark.looked_at,
        "compared_at": watermark.compared_at,
        "delays": json_safe(dict(watermark.delays)),
    }
    connection.execute(
        upsert(label_watermarks).values(values).on_conflict_do_update(index_elements=["model"], set_=values)
    )
