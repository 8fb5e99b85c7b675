"""A hash of prediction ids that is the same in every process, on every machine, for as long as samples are kept."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_TEXT_KEY = "driftline sample"
"""SipHash's key: 16 bytes. Another key chooses other rows, so that stored samples no longer merge with new ones."""
_WHOLE_NUMBER = "^(0|-?[1-9][0-9]{0,18})$"
_LONGEST_NUMBER = 20
_LARGEST = np.uint64(2**63 - 1)
_NO_HASH = np.uint64(0)


def hash_ids(ids: pa.Array) -> tuple[Hashes, NDArray[np.bool_]]:
    """64-bit hashes of a column of ids, and which rows have one (a null id has none; its hash reads 0).

    An id hashes alike as an integer and as its text: ``42`` and ``"42"``, but not ``"042"``, which is another id.
    Whole numbers within int64 take the finalizer of SplitMix64 [1]_, a permutation of the 64-bit integers: different
    numbers never collide. Other text takes SipHash-2-4 [2]_ of its UTF-8 bytes (`pandas.util.hash_array`) with a key
    that never changes.

    References
    ----------
    .. [1] G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
    .. [2] J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012.
    """
    has_id = np.asarray(ids.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
    if pa.types.is_integer(ids.type) and ids.type != pa.uint64():
        return np.where(has_id, split_mix(_as_bits(ids)), _NO_HASH), has_id
    return _hash_text(ids.cast(pa.string())), has_id


def split_mix(numbers: Hashes) -> Hashes:
    """The finalizer of SplitMix64 (the golden gamma added first, so that 0 does not stay 0)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _as_bits(ids: pa.Array) -> Hashes:
    filled = ids.cast(pa.int64()).fill_null(0) if ids.null_count else ids.cast(pa.int64())
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.int64).view(np.uint64)


def _hash_text(ids: pa.Array) -> Hashes:
    hashes = np.full(len(ids), _NO_HASH)
    bits, is_number = _whole_numbers(ids)
    hashes[is_number] = split_mix(bits[is_number])
    is_text = np.asarray(ids.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_) & ~is_number
    if is_text.any():
        hashes[is_text] = _sip_hash(ids.filter(pa.array(is_text)))
    return hashes


def _whole_numbers(ids: pa.Array) -> tuple[Hashes, NDArray[np.bool_]]:
    """The ids as 64-bit integers, where they spell one the way Postgres and Python do."""
    lengths = pc.binary_length(ids).fill_null(_LONGEST_NUMBER + 1).to_numpy(zero_copy_only=False)
    if not (lengths <= _LONGEST_NUMBER).any():  # UUIDs: spares the regular expression
        return np.full(len(ids), _NO_HASH), np.zeros(len(ids), dtype=np.bool_)
    spelled = pc.match_substring_regex(ids, _WHOLE_NUMBER).fill_null(False)
    is_negative = pc.starts_with(ids, "-").to_numpy(zero_copy_only=False).astype(np.bool_)
    # Nineteen digits always fit 64 bits without a sign.
    digits = pc.if_else(spelled, pc.utf8_ltrim(ids, "-"), "0").cast(pa.uint64())
    magnitudes = np.asarray(digits.to_numpy(zero_copy_only=False), dtype=np.uint64)
    fits = magnitudes <= _LARGEST + is_negative.astype(np.uint64)
    bits = np.where(is_negative, _NO_HASH - magnitudes, magnitudes)
    return bits, fits & np.asarray(spelled.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _sip_hash(texts: pa.Array) -> Hashes:
    from pandas.util import hash_array  # ids of text only: two seconds of import that most tasks need not wait for

    values = np.asarray(texts.to_numpy(zero_copy_only=False), dtype=np.object_)
    return np.asarray(hash_array(values, hash_key=_TEXT_KEY, categorize=False), dtype=np.uint64)
