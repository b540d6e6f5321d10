"""Whether two copies say the same, by the content hashes of their records."""

from typing import Self

from pydantic import BaseModel

from core.library.records import Artifact


class ContentMatch(BaseModel):
    """None where a record has no content hash, or no weights."""

    has_equal_bytes: bool
    has_equal_content: bool | None = None
    has_equal_weights: bool | None = None

    @classmethod
    def compare(cls, left: Artifact, right: Artifact) -> Self:
        sides = [sorted((file.path, file.sha256) for file in artifact.files) for artifact in (left, right)]
        match = cls(has_equal_bytes=sides[0] == sides[1])
        if left.content and right.content and left.content.definition == right.content.definition:
            match.has_equal_content = left.content.has_same_content(right.content)
            if left.content.weights and right.content.weights:
                match.has_equal_weights = left.content.has_same_weights(right.content)
        return match

    @property
    def sentence(self) -> str:
        """What is equal, in a sentence; empty where that is not known."""
        if self.has_equal_bytes:
            return "Equal bytes: both copies are the same files."
        if self.has_equal_content:
            return "Equal content, other bytes: tensors and graph are the same; dates, ids or order are not."
        if self.has_equal_content is None or self.has_equal_weights is None:
            return ""
        if self.has_equal_weights:
            return "Equal weights, other content: what stands around them differs."
        return "Other content: the weights differ."
