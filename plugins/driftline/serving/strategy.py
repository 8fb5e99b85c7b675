"""How an entity's place on the line of traffic is found: at random, or by a hash that every process agrees on."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

from driftline.errors import InputError
from driftline.serving.allocation import POSITIONS

EntityId = str | int | UUID

SALT_BYTES = 16
"""What blake2b takes as its salt; a longer name is hashed into so many."""


class TrafficSplitStrategy(StrEnum):
    """Who gets which version."""

    RANDOM = "random"
    """Every call anew: for models without entities."""
    HASH_BASED = "hash_based"
    """The same entity gets the same version for as long as the shares allow."""
    GRADUAL_ROLLOUT = "gradual_rollout"
    """As `HASH_BASED`, while a schedule raises the share of the new version."""

    @property
    def is_sticky(self) -> bool:
        return self is not TrafficSplitStrategy.RANDOM


class Placement:
    """Where entities stand on the line of traffic; another name places them anew, independently of the old places.

    The place is the same in every process, release and language: the first 8 bytes (big-endian) of BLAKE2b (RFC 7693;
    digest of 8 bytes; its salt is the BLAKE2b digest, of 16 bytes, of the name) of the entity's id in UTF-8, modulo
    `POSITIONS`, which favours no position by more than 1 in 10^13.
    """

    __slots__ = ("_copy", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        # A copy of a hash that has its salt costs half of making one.
        self._copy = blake2b(digest_size=8, salt=blake2b(name.encode(), digest_size=SALT_BYTES).digest()).copy

    def position_of(self, entity_id: EntityId) -> int:
        """The entity's place, 0 to `POSITIONS` (excluded). A whole number is the entity of its decimal text.

        Raises
        ------
        InputError
            When the id is empty, or neither a text, a whole number nor a UUID.
        """
        text = entity_id if entity_id.__class__ is str else text_of(entity_id)
        if not text:
            raise InputError(
                "The entity id is empty. Give the id of the user, account or session that must stay together."
            )
        digest = self._copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(digest.digest()) % POSITIONS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Placement) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


def text_of(entity_id: object) -> str:
    """The id as the text that is hashed."""
    if isinstance(entity_id, str):
        return str(entity_id)
    if isinstance(entity_id, bool) or not isinstance(entity_id, int | UUID):
        raise InputError(
            f"The entity id {entity_id!r} is a {type(entity_id).__name__}. Give a text, a whole number or a UUID: "
            "other values have more than one spelling, and the entity would not keep its version."
        )
    return str(entity_id)
