"""Converters print, warn and leave files behind; here they do none of that."""

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


@contextmanager
def silence_converters(folder: Path) -> Iterator[None]:
    """Hold back prints, warnings and logs; keep temporary files in `folder`, where they are deleted at the end.

    What the converter's own C++ says still goes to the standard error of the process, which no page shows.
    """
    tempdir, disabled = tempfile.tempdir, logging.root.manager.disable
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-", ignore_cleanup_errors=True) as own:
        try:
            tempfile.tempdir = own
            logging.disable(logging.ERROR)
            with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                yield
        finally:
            tempfile.tempdir = tempdir
            logging.disable(disabled)
