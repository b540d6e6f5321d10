"""Whether this process was opened for what a stranger sent; it stays so, and is never used for anything else."""

_is = [False]


def open_for_strangers() -> None:
    """Note that everything that this process is given from now on may have come from outside."""
    _is[0] = True


def for_strangers() -> bool:
    """Whether what this process loads may have come from outside."""
    return _is[0]
