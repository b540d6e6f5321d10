"""What libraries tell a person while a model is loaded: all of it is recorded, and nothing else."""

import logging
import sys
import warnings

import pytest

from core.break_it.messages import record_messages


@pytest.mark.filterwarnings("default")  # as in a child
def test_recorder_collects_warnings_logs_and_prints_once():
    with record_messages() as messages:
        warnings.warn("skipped two variables", stacklevel=1)
        logging.getLogger("absl").warning("%d values were not restored", 3)
        logging.getLogger("absl").info("not for a person")
        print("loaded")
        print("loaded")
        print("and cleaned up", file=sys.stderr)
    assert messages == ["skipped two variables", "3 values were not restored", "loaded", "and cleaned up"]


def test_recorder_takes_a_log_once_that_its_handler_writes_to_stderr():
    logger = logging.getLogger("tensorflow")
    with record_messages() as messages:
        handler = logging.StreamHandler(sys.stderr)
        logger.addHandler(handler)
        logger.warning("2 variables\nwere skipped")
        logger.removeHandler(handler)
    assert messages == ["2 variables\nwere skipped"]


def test_recorder_of_silent_block_has_no_messages():
    with record_messages() as messages:
        sum([1, 2])
    assert messages == []


def test_recorder_ends_where_block_raises():
    before = list(logging.getLogger("absl").handlers)
    with pytest.raises(ValueError, match="broken"), record_messages():
        raise ValueError("broken")
    assert logging.getLogger("absl").handlers == before
