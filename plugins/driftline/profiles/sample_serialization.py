"""Samples as bytes: an Arrow IPC stream, its columns compressed with zstd, the rest in the schema's metadata."""

from __future__ import annotations

import pyarrow as pa

from driftline.errors import StoreError
from driftline.profiles.sample import HASH, Sample

_NUMBERS = ("capacity", "population", "threshold")


def pack_sample(sample: Sample) -> bytes:
    numbers = {f"driftline.{name}": str(getattr(sample, name)) for name in _NUMBERS}
    rows = sample.rows.combine_chunks().replace_schema_metadata(numbers)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())


def unpack_sample(payload: bytes) -> Sample:
    """The sample that `pack_sample` packed.

    Raises
    ------
    StoreError
        When the bytes are no sample: cut off, or written by another release.
    """
    try:
        rows = pa.ipc.open_stream(payload).read_all()
        metadata = rows.schema.metadata or {}
        numbers = {name: int(metadata[f"driftline.{name}".encode()]) for name in _NUMBERS}
        rows.schema.field(HASH)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise StoreError(
            f"A stored sample cannot be read ({error}): it is damaged or was written by another Driftline. Delete it "
            "from driftline.samples or driftline.baseline_samples; the checks then do without."
        ) from error
    return Sample(rows=rows.replace_schema_metadata(None), **numbers)
