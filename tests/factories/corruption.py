"""Damage at random, as it comes on the way."""

from collections.abc import Callable

from hypothesis import strategies as st


@st.composite
def corruptions(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """One to four faults: flipped bits, bytes put in, taken out, cut off at the end, or copied from elsewhere."""
    kinds = draw(st.lists(st.sampled_from(["flip", "insert", "remove", "cut", "splice"]), min_size=1, max_size=4))
    places = [(draw(st.floats(0, 1)), draw(st.floats(0, 1)), draw(st.binary(min_size=1, max_size=8))) for _ in kinds]

    def change(content: bytes) -> bytes:
        for kind, (first, second, noise) in zip(kinds, places, strict=True):
            content = corrupt_once(kind, content, int(first * len(content)), int(second * len(content)), noise)
        return content

    return change


@st.composite
def single_bit_flips(draw: st.DrawFn, size: int) -> Callable[[bytes], bytes]:
    """One flipped bit somewhere in so many bytes: the least that can happen to a file."""
    at, bit = draw(st.integers(0, size - 1)), draw(st.integers(0, 7))
    return lambda content: content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


def corrupt_once(kind: str, content: bytes, at: int, other: int, noise: bytes) -> bytes:
    length = len(noise) * 4
    match kind:
        case "flip":
            return content[:at] + bytes(item ^ (1 << noise[0] % 8) for item in content[at : at + 1]) + content[at + 1 :]
        case "insert":
            return content[:at] + noise + content[at:]
        case "remove":
            return content[:at] + content[at + length :]
        case "cut":
            return content[:at]
        case _:
            return content[:at] + content[other : other + length] + content[at + length :]
