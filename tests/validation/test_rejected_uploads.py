"""Step 1 and 2 of the way of an uploaded file: what is refused, with which rule, and that nothing of it stays."""

import json

import pytest

from core.errors import Refused, error_from_json
from core.settings import Settings
from core.validation import RULES, limits, refusal, validate_upload
from core.validation.content import validate_content
from core.validation.file_types import display_file_name
from core.validation.rules import display_text
from tests.factories.invalid_files import INVALID_UPLOADS
from tests.factories.invalid_keras_files import with_wide_end
from tests.factories.untrusted_files import (
    DENSE,
    InvalidUpload,
    make_hdf5,
    make_keras_file,
    make_zip,
    sequential_config,
    single_file_upload,
    to_json_bytes,
    write_dense_weights,
)
from tests.helpers import UPLOAD_SETTINGS

pytestmark = pytest.mark.trust
ALL_INVALID = [pytest.param(item, id=item.id) for item in INVALID_UPLOADS]
INVALID_WITHOUT_CHILD = [
    pytest.param(item, id=item.id) for item in INVALID_UPLOADS if item.kind in ("name", "architecture")
]


@pytest.mark.parametrize("one", ALL_INVALID)
def test_invalid_upload_is_rejected_by_its_rule_in_one_sentence(one: InvalidUpload, upload_folder, validate):
    upload, name = one.make(upload_folder)
    with one.lowered(UPLOAD_SETTINGS) as config, pytest.raises(Refused) as refusal:
        validate(upload, name, config=config)
    error = refusal.value
    assert (error.rule, error.code) == (one.rule, f"refused:{one.rule}")
    assert (error.sentence, error.cure) == RULES[one.rule]
    for text in error.to_json().values():
        assert str(upload_folder.parent) not in text
        assert len(text) <= 400
        assert text.isprintable()


@pytest.mark.parametrize("rule", RULES)
def test_rule_has_sentence_and_cure_and_survives_json(rule):
    means, cure = RULES[rule]
    assert means.endswith(".")
    assert cure.endswith(".")
    assert "safe" not in f"{means} {cure}".lower()
    error = error_from_json(json.loads(json.dumps(refusal(rule, "x").to_json())))
    assert (type(error), error.rule, error.received) == (Refused, rule, "x")


# Broken by what no file alone can be: tested one by one below.
RULES_WITHOUT_FILE = {"too-large", "changed", "part", "inspector-ended", "inspector-slow"}


def test_every_rule_has_an_invalid_upload():
    assert RULES.keys() - {upload.rule for upload in INVALID_UPLOADS} == RULES_WITHOUT_FILE


# Met by files of their own size, or by what a process may have: see `limits.MAX_UNPACKED_BYTES`.
NOT_LOWERED = {"MAX_DIGITS", "MAX_NAME_LENGTH", "DEFLATE_RATIO_SLACK", "MAX_UNPACKED_BYTES"}


def test_every_limit_is_met_by_an_invalid_upload():
    lowered = {name for upload in INVALID_UPLOADS for name in upload.limits}
    assert limits.current_limits(1).keys() - lowered == NOT_LOWERED


def test_validate_content_applies_the_limits_of_the_app(upload_folder, validate, monkeypatch):
    upload, name = single_file_upload(make_hdf5(write_dense_weights), "model.weights.h5")(upload_folder)
    monkeypatch.setattr(limits, "MAX_H5_OBJECTS", 3)
    with pytest.raises(Refused) as refusal:
        validate(upload, name)
    assert refusal.value.rule == "h5-many"


def test_apply_limits_with_unknown_name_raises_key_error():
    with pytest.raises(KeyError):
        limits.apply_limits({"current_limits": 1})


@pytest.mark.parametrize("one", INVALID_WITHOUT_CHILD)
def test_validate_upload_of_rejected_file_leaves_no_output(one, upload_folder, output_folder):
    upload, name = one.make(upload_folder)
    with one.lowered(UPLOAD_SETTINGS) as config, pytest.raises(Refused):
        validate_upload(upload, name, output_folder, config=config)
    assert list(output_folder.iterdir()) == []


def test_validate_upload_over_size_limit_is_rejected_before_copy(upload_folder, output_folder):
    (upload_folder / "upload").write_bytes(bytes(2_000_001))
    with pytest.raises(Refused) as refusal:
        validate_upload(upload_folder / "upload", "model.keras", output_folder, config=Settings(upload_mb=2))
    assert refusal.value.rule == "too-large"
    assert refusal.value.received == "2,000,001 bytes, of at most 2,000,000"


def test_validate_upload_of_architecture_beside_full_model_is_rejected(upload_folder, output_folder):
    upload, name = single_file_upload(make_keras_file(), "model.keras")(upload_folder)
    (upload_folder / "architecture").write_bytes(to_json_bytes(sequential_config(DENSE)))
    with pytest.raises(Refused) as refusal:
        validate_upload(
            upload,
            name,
            output_folder,
            config=UPLOAD_SETTINGS,
            extra_files={"architecture": upload_folder / "architecture"},
        )
    assert refusal.value.rule == "part"
    assert list(output_folder.iterdir()) == []


def test_validate_upload_sanitizes_name_and_uses_it_in_no_path(upload_folder, output_folder):
    upload, _ = single_file_upload(make_keras_file(), "")(upload_folder)
    validated = validate_upload(
        upload, "../..\\x/mod\u202eel\r\n\0<b>ünï" + "n" * 300 + ".keras", output_folder, config=UPLOAD_SETTINGS
    )
    assert validated.name == ("model <b>ünï" + "n" * 300)[:120]
    assert [path.name for path in output_folder.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("モデル.keras", "モデル.keras"),
        ("../../etc/passwd", "passwd"),
        ("C:\\models\\a.h5", "a.h5"),
        ("a\u202eb\u2066c\x00.h5", "abc.h5"),
        ("a\r\nb", "a b"),
        ("\u200f/", "unnamed"),
        ("=1+1.h5", "=1+1.h5"),
    ],
)
def test_display_file_name_removes_folders_and_control_characters(name, shown):
    assert display_file_name(name) == shown


def test_text_for_display_is_cut_at_120_characters():
    assert display_text("ä" * 500) == "ä" * 120


def test_the_hash_is_that_of_the_upload(upload_folder, output_folder):
    import hashlib

    upload, name = single_file_upload(make_keras_file(), "model.keras")(upload_folder)
    assert (
        validate_upload(upload, name, output_folder, config=UPLOAD_SETTINGS).sha256
        == hashlib.sha256(upload.read_bytes()).hexdigest()
    )
    assert (output_folder / "model.keras").read_bytes() == upload.read_bytes()


def test_validate_upload_skips_operating_system_files_with_remark(upload_folder, output_folder):
    members = {"m/saved_model.pb": b"x", "m/.DS_Store": b"y", "__MACOSX/m/._saved_model.pb": b"z"}
    upload, name = single_file_upload(make_zip(members), "model.zip")(upload_folder)
    validated = validate_upload(upload, name, output_folder, config=UPLOAD_SETTINGS)
    assert [path.name for path in output_folder.iterdir()] == ["saved_model.pb"]
    assert validated.remarks == ["Files that only an operating system had put there were left out."]


def test_zip64_end_record_must_agree_with_end_record(upload_folder, output_folder):
    upload, name = single_file_upload(with_wide_end(make_keras_file(), 1), "model.keras")(upload_folder)
    with pytest.raises(Refused) as refusal:
        validate_upload(upload, name, output_folder, config=UPLOAD_SETTINGS)
    assert refusal.value.rule == "zip-broken"
    upload, name = single_file_upload(with_wide_end(make_keras_file()), "model.keras")(upload_folder)
    assert validate_upload(upload, name, output_folder, config=UPLOAD_SETTINGS).format == "keras"


def test_validate_content_task_rejects_by_rule(output_folder):
    (output_folder / "architecture.json").write_text("{}")
    with pytest.raises(Refused) as refusal:
        validate_content(None, {}, format="architecture", folder=str(output_folder))
    assert refusal.value.rule == "config-shape"
