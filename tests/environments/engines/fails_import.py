"""An engine whose own package cannot be imported."""

raise ImportError("a library of this engine is missing")
