"""What the validation of content tells of a file that it lets in."""

from typing import TypedDict


class GraphFacts(TypedDict):
    """One graph of a SavedModel: the names of its signatures, and how often it uses each operation."""

    signatures: list[str]
    objects: int
    assets: int
    operations: dict[str, int]


class ContentFacts(TypedDict, total=False):
    """`checked` says what was checked, in one phrase each; `numbers` are the values of all arrays together."""

    checked: list[str]
    arrays: int
    numbers: int
    graphs: list[GraphFacts]
