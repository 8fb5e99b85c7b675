"""Binnings and profiles as bytes: a JSON header and little-endian arrays, compressed. Never a pickle."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import StoreError
from driftline.profiles.binning import Binning, CategoricalBinning, NumericBinning
from driftline.profiles.categorical import CategoricalProfile
from driftline.profiles.moments import Moments
from driftline.profiles.multiclass import MulticlassOutcomeProfile, probability_binning
from driftline.profiles.numeric import NumericProfile
from driftline.profiles.outcomes import BinaryOutcomeProfile, RegressionOutcomeProfile
from driftline.profiles.profile import Profile

_HEADER_LENGTH_BYTES = 4
_COMPRESSION = 1


def binning_kind(binning: Binning) -> str:
    return "numeric" if isinstance(binning, NumericBinning) else "categorical"


def pack_binning(binning: Binning) -> bytes:
    if isinstance(binning, NumericBinning):
        return _pack({}, {"edges": binning.edges})
    return _pack({"levels": binning.levels, "pooled_levels": sorted(binning.pooled_levels)}, {})


def unpack_binning(kind: str, payload: bytes) -> Binning:
    header, arrays = _unpack(payload)
    if kind == "numeric":
        return NumericBinning(arrays["edges"])
    return CategoricalBinning(levels=tuple(header["levels"]), pooled_levels=frozenset(header["pooled_levels"]))


def profile_kind(profile: Profile) -> str:
    return _KINDS[type(profile)]


def pack_profile(profile: Profile) -> bytes:
    match profile:
        case NumericProfile():
            return _pack(_numeric_header(profile), {"counts": profile.counts})
        case CategoricalProfile():
            return _pack(_categorical_header(profile), {"counts": profile.counts})
        case BinaryOutcomeProfile():
            arrays = {
                "positives": profile.positives,
                "negatives": profile.negatives,
                "score_sums": profile.score_sums,
            }
            return _pack(_binary_header(profile), arrays)
        case MulticlassOutcomeProfile():
            return _pack_multiclass(profile)
        case RegressionOutcomeProfile():
            return _pack(_regression_header(profile), {"counts": profile.errors.counts})


def unpack_profile(kind: str, payload: bytes, binning: Binning) -> Profile:
    """The profile that `pack_profile` packed; ``binning`` is the one it was counted in."""
    header, arrays = _unpack(payload)
    if isinstance(binning, CategoricalBinning):
        if kind == "multiclass_outcome":
            return _multiclass_from(header, arrays, binning)
        return CategoricalProfile(binning=binning, counts=arrays["counts"].astype(np.int64), **header)
    if kind == "numeric":
        return _numeric_from(header, arrays, binning)
    if kind == "binary_outcome":
        return _binary_from(header, arrays, binning)
    if kind == "regression_outcome":
        moments = {name: Moments(*header[name]) for name in _REGRESSION_MOMENTS}
        return RegressionOutcomeProfile(errors=_numeric_from(header["errors"], arrays, binning), **moments)
    raise StoreError(f"A stored profile is of the unknown kind {kind!r}: it was written by a newer Driftline; upgrade.")


_KINDS: Mapping[type, str] = {
    NumericProfile: "numeric",
    CategoricalProfile: "categorical",
    BinaryOutcomeProfile: "binary_outcome",
    MulticlassOutcomeProfile: "multiclass_outcome",
    RegressionOutcomeProfile: "regression_outcome",
}
_NUMERIC_SCALARS = ("nulls", "non_finite", "invalid", "minimum", "maximum")
_CATEGORICAL_SCALARS = ("other", "nulls", "unseen", "unseen_levels")
_BINARY_SCALARS = ("true_positives", "false_positives", "false_negatives", "true_negatives", "invalid_scores")
_BINARY_MOMENTS = ("log_loss", "brier")
_REGRESSION_MOMENTS = ("absolute_errors", "squared_errors", "relative_errors", "labels")


def _numeric_header(profile: NumericProfile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in _NUMERIC_SCALARS} | {"moments": _moments(profile.moments)}


def _categorical_header(profile: CategoricalProfile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in _CATEGORICAL_SCALARS}


def _binary_header(profile: BinaryOutcomeProfile) -> dict[str, Any]:
    scalars = {name: getattr(profile, name) for name in _BINARY_SCALARS}
    return scalars | {name: _moments(getattr(profile, name)) for name in _BINARY_MOMENTS}


def _regression_header(profile: RegressionOutcomeProfile) -> dict[str, Any]:
    moments = {name: _moments(getattr(profile, name)) for name in _REGRESSION_MOMENTS}
    return moments | {"errors": _numeric_header(profile.errors)}


def _moments(moments: Moments) -> tuple[int, float, float]:
    return moments.n, moments.mean, moments.m2


def _numeric_from(header: dict[str, Any], arrays: dict[str, NDArray[Any]], binning: NumericBinning) -> NumericProfile:
    scalars = {name: header[name] for name in _NUMERIC_SCALARS}
    counts = arrays["counts"].astype(np.int64)
    return NumericProfile(binning=binning, counts=counts, moments=Moments(*header["moments"]), **scalars)


def _binary_from(
    header: dict[str, Any], arrays: dict[str, NDArray[Any]], binning: NumericBinning
) -> BinaryOutcomeProfile:
    return BinaryOutcomeProfile(
        binning=binning,
        positives=arrays["positives"].astype(np.int64),
        negatives=arrays["negatives"].astype(np.int64),
        score_sums=arrays["score_sums"].astype(np.float64),
        log_loss=Moments(*header["log_loss"]),
        brier=Moments(*header["brier"]),
        **{name: header[name] for name in _BINARY_SCALARS},
    )


def _pack_multiclass(profile: MulticlassOutcomeProfile) -> bytes:
    usual = probability_binning()
    cells = [b"" if one.binning.digest == usual.digest else pack_binning(one.binning) for one in profile.one_vs_rest]
    parts = [*cells, *(pack_profile(one) for one in profile.one_vs_rest)]
    header = {
        "outside_matches": profile.outside_matches,
        "invalid_scores": profile.invalid_scores,
        "log_loss": _moments(profile.log_loss),
        "parts": [len(part) for part in parts],
    }
    arrays: dict[str, NDArray[Any]] = {
        "confusion": profile.confusion.ravel(),
        "scores": np.frombuffer(b"".join(parts), dtype=np.uint8),
    }
    return _pack(header, arrays)


def _multiclass_from(
    header: dict[str, Any], arrays: dict[str, NDArray[Any]], binning: CategoricalBinning
) -> MulticlassOutcomeProfile:
    content, ends = arrays["scores"].tobytes(), np.cumsum([0, *header["parts"]])
    parts = [content[start:end] for start, end in pairwise(ends)]
    cells, packed = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    size = len(binning.levels) + 1
    return MulticlassOutcomeProfile(
        binning=binning,
        confusion=arrays["confusion"].astype(np.int64).reshape(size, size),
        outside_matches=header["outside_matches"],
        one_vs_rest=tuple(_one_vs_rest(*both) for both in zip(cells, packed, strict=True)),
        log_loss=Moments(*header["log_loss"]),
        invalid_scores=header["invalid_scores"],
    )


def _one_vs_rest(cells: bytes, packed: bytes) -> BinaryOutcomeProfile:
    binning = unpack_binning("numeric", cells) if cells else probability_binning()
    assert isinstance(binning, NumericBinning)
    return _binary_from(*_unpack(packed), binning)


def _pack(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    shrunk = {name: _smallest(array) for name, array in arrays.items()}
    described = {**header, "arrays": [(name, array.dtype.str, array.size) for name, array in shrunk.items()]}
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    body = b"".join(array.tobytes() for array in shrunk.values())
    return zlib.compress(len(text).to_bytes(_HEADER_LENGTH_BYTES, "little") + text + body, _COMPRESSION)


def _unpack(payload: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    content = zlib.decompress(payload)
    header_end = _HEADER_LENGTH_BYTES + int.from_bytes(content[:_HEADER_LENGTH_BYTES], "little")
    header = json.loads(content[_HEADER_LENGTH_BYTES:header_end])
    arrays: dict[str, NDArray[Any]] = {}
    offset = header_end
    for name, dtype, size in header.pop("arrays"):
        arrays[name] = np.frombuffer(content, dtype=dtype, count=size, offset=offset)
        offset += arrays[name].nbytes
    return header, arrays


def _smallest(array: NDArray[Any]) -> NDArray[Any]:
    """Counts in the narrowest type that holds them: an hour's counts are small, and so are their bytes."""
    if array.dtype.kind != "i" or array.size == 0:
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    narrow = np.min_scalar_type(int(array.max()))
    return np.ascontiguousarray(array, dtype=narrow.newbyteorder("<"))
