"""Foreign errors in plain words. The texts are those that TensorFlow 2.21, Keras 3.15 and HDF5 raise, cut at most."""

import errno
import json
import os
import re

import pytest

from core.error_translation import DETAIL_LIMIT, STORAGE_ERRORS, find_cause, translate
from core.errors import (
    CannotSave,
    Damaged,
    DoesNotLoad,
    LibraryError,
    NeedsArchitecture,
    StorageFailed,
    TooLarge,
    WorkerError,
)
from core.known_errors import KNOWN_ERRORS, match_known_error
from tests.factories.library_messages import MESSAGES


@pytest.mark.parametrize(("text", "sentence"), MESSAGES, ids=[text[:40] for text, _ in MESSAGES])
def test_translate_maps_library_message_to_sentence(text, sentence):
    result, cure = match_known_error(text)
    assert result == sentence
    assert cure.endswith(".")
    assert "{0}" not in cure


def test_known_error_every_case_is_first_match_of_some_message():
    first = {
        next(case.pattern for case in KNOWN_ERRORS if re.search(case.pattern, text, re.DOTALL)) for text, _ in MESSAGES
    }
    assert [case.pattern for case in KNOWN_ERRORS if case.pattern not in first] == []


def test_translate_cure_names_the_missing_class():
    _, cure = match_known_error("Could not locate class 'Scale'.")
    assert cure.startswith("Load it with the class at hand (custom_objects={'Scale': Scale}), or save as SavedModel")


def test_translate_puts_cause_in_sentence_and_full_text_in_detail():
    text = MESSAGES[0][0]
    error = translate(TypeError(text), DoesNotLoad)
    assert type(error) is DoesNotLoad
    assert error.sentence == "This process does not know the custom class 'Scale'."
    assert error.detail == f"TypeError: {text}"


def test_translate_unknown_keras_message_uses_last_cause():
    text = "could not be deserialized.\n\nException encountered: outer\n\nException encountered: the real reason"
    error = translate(ValueError(text), CannotSave)
    assert error.sentence == "The library said: the real reason"
    assert error.cure == "Read the details, or choose another format."


def test_translate_failure_of_a_layer_uses_the_cause_in_bold():
    text = "Exception encountered when calling LSTM.call().\n\n\x1b[1mIt has the shape (1, 2).\x1b[0m\n\nArguments"
    assert translate(ValueError(text), CannotSave).sentence == "The library said: It has the shape (1, 2)."


def test_translate_error_in_a_call_uses_its_cause():
    text = "Exception encountered when calling Own.call().\n\n\x1b[1mit takes no list\x1b[0m\n\nArguments received: …"
    assert translate(TypeError(text), CannotSave).sentence == "The library said: it takes no list"


def test_translate_unknown_message_uses_first_line():
    error = translate(RuntimeError("\n  first words\nsecond words"), DoesNotLoad)
    assert error.sentence == "The library said: first words"
    assert error.cure == "Read the details; if the model has code of its own, load it with that code."


def test_translate_empty_message_uses_exception_name():
    assert translate(KeyboardInterrupt(), WorkerError).sentence == "The library said: KeyboardInterrupt"


def test_translate_long_message_keeps_both_ends():
    error = translate(RuntimeError("a" * 50_000 + "Exception encountered: the end"), WorkerError)
    assert error.sentence == "The library said: the end"
    assert error.detail.endswith("the end")
    assert len(error.detail) == DETAIL_LIMIT + len("\n…\n") + len("RuntimeError: ")


def test_translate_removes_hidden_paths():
    error = translate(ValueError("cannot read /secret/place/model.h5"), DoesNotLoad, hidden_paths=["/secret/place"])
    assert error.sentence == "The library said: cannot read …/model.h5"
    assert "/secret" not in json.dumps(error.to_json())


@pytest.mark.parametrize("number", [errno.ENOTEMPTY, errno.ENOENT, errno.ENOSPC, errno.ENAMETOOLONG])
def test_translate_removes_folders_named_by_os_error(number, tmp_path):
    error = OSError(number, os.strerror(number), str(tmp_path / "one" / "a.txt"), None, tmp_path / "b.txt")
    record = translate(error, LibraryError).to_json()
    assert str(tmp_path) not in "".join(record.values())
    assert "a.txt" in record["detail"]
    assert "b.txt" in record["detail"]


def test_translate_passes_own_errors_unchanged():
    architecture = NeedsArchitecture("Weights alone.")
    assert translate(architecture, WorkerError) is architecture


SENTENCES_BY_ERRNO = {
    errno.ENOSPC: "The disk is full.",
    errno.EDQUOT: "The disk quota is used up.",
    errno.EROFS: "The library lies on a read-only disk.",
    errno.EACCES: "The library may not be written here.",
    errno.EPERM: "The library may not be written here.",
    errno.ENOTDIR: "A file lies where the library needs a folder.",
    errno.EMFILE: "This process has too many files open.",
    errno.ENFILE: "This computer has too many files open.",
    errno.ENOMEM: "This computer has no memory left.",
    errno.EIO: "The disk reported an error.",
    errno.ESTALE: "The disk in the network was replaced or is gone.",
}


@pytest.mark.parametrize(
    ("number", "sentence"), SENTENCES_BY_ERRNO.items(), ids=[errno.errorcode[number] for number in SENTENCES_BY_ERRNO]
)
def test_translate_storage_errno_gives_storage_failed_for_any_default(number, sentence):
    for doing in (LibraryError, CannotSave, WorkerError):
        error = translate(OSError(number, "foreign words", "/secret/file"), doing, hidden_paths=["/secret"])
        assert type(error) is StorageFailed
        assert error.sentence == sentence
        assert "/secret" not in error.detail


def test_storage_errnos_all_have_an_expected_sentence():
    assert SENTENCES_BY_ERRNO.keys() == STORAGE_ERRORS.keys()


def test_a_missing_file_is_not_a_storage_failure():
    error = translate(FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), Damaged)
    assert (type(error), error.sentence) == (Damaged, "A file of this copy is missing.")


def test_translate_memory_error_names_the_setting():
    error = translate(MemoryError(), DoesNotLoad)
    assert type(error) is TooLarge
    assert error.sentence == "The process ran out of the memory that it may use."
    assert error.cure.startswith("Raise ROUNDTRIP_CHILD_GB")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Graph execution error:\n\nTable not initialized.\n\t [[{{node lookup}}]]", "Table not initialized."),
        ("The model fell over.\n\nException encountered: no such axis\nat axis 3", "no such axis"),
        ("Exception encountered when calling Dense.call().\n\n\x1b[1mno such axis\x1b[0m\n\nArguments", "no such axis"),
        ("\nsomething else\nand more", "something else"),
        ("", "no message"),
    ],
    ids=["known", "appended", "bold", "first-line", "empty"],
)
def test_find_cause_returns_the_line_that_names_it(text: str, cause: str):
    assert find_cause(text) == cause
