"""The content hash of a copy: equal where two copies say the same, whatever their bytes are."""

from typing import Annotated

from pydantic import BaseModel, Field

DEFINITION = 1  # of what is hashed and how (see `core.readers.content_hash`): another one gives other hashes
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ContentHash(BaseModel):
    """What the files of a copy say, as hashes.

    `sha256` is over its tensors and its graph or config; `weights` over its weights alone, without names and order, and
    so the same in every format that keeps them as they are; None where a file has none.
    """

    definition: int = DEFINITION
    sha256: Sha256
    weights: Sha256 | None = None

    def has_same_content(self, other: "ContentHash | None") -> bool:
        return other is not None and (self.definition, self.sha256) == (other.definition, other.sha256)

    def has_same_weights(self, other: "ContentHash | None") -> bool:
        """Whether both hold the same weights; never where one of them has none."""
        if other is None or self.weights is None:
            return False
        return (self.definition, self.weights) == (other.definition, other.weights)
