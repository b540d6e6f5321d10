"""One finding about what came back: its state, and the words for it."""

from typing import NamedTuple

# Every state of a finding with its sign: told apart by word and sign, not by colour.
STATE_SYMBOLS = {"kept": "✓", "changed": "≈", "lost": "✗", "failed": "!", "not verified": "?", "not applicable": "–"}


class Finding(NamedTuple):
    """A state, and what came back in words."""

    state: str
    words: str

    @property
    def text(self) -> str:
        return f"{STATE_SYMBOLS[self.state]} {'n/a' if self.state == 'not applicable' else self.state}"
