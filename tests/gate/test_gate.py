"""Step 1 and 2 of the way of an uploaded file: what is refused, with which rule, and that nothing of it stays."""

import json
import struct

import pytest

from core.errors import Refused, error_from_json
from core.settings import Settings
from core.validation import RULES, refusal, validate_upload
from core.validation.content import validate_content
from core.validation.rules import display_file_name, display_text
from tests.gate.conftest import LIMITS
from tests.gate.makers import BAD_INPUTS, DENSE, Bad, keras_file, sequential, text, written, zipped
from tests.gate.makers_files import wide_end

pytestmark = pytest.mark.trust
EVERY = [pytest.param(one, id=one.id) for one in BAD_INPUTS]
PURE = [pytest.param(one, id=one.id) for one in BAD_INPUTS if one.kind in ("name", "architecture")]


@pytest.mark.parametrize("one", EVERY)
def test_each_bad_input_is_refused_by_its_rule_in_one_sentence_without_a_path(one: Bad, made, let_in):
    upload, name = one.make(made)
    with pytest.raises(Refused) as refusal:
        let_in(upload, name)
    error = refusal.value
    assert (error.rule, error.code) == (one.rule, f"refused:{one.rule}")
    assert (error.sentence, error.cure) == RULES[one.rule]
    for said in error.to_json().values():
        assert str(made.parent) not in said
        assert len(said) <= 400
        assert said.isprintable()


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_a_sentence_with_a_cure_and_survives_the_way_between_processes(rule):
    means, cure = RULES[rule]
    assert means.endswith(".")
    assert cure.endswith(".")
    assert "safe" not in f"{means} {cure}".lower()
    error = error_from_json(json.loads(json.dumps(refusal(rule, "x").to_json())))
    assert (type(error), error.rule, error.received) == (Refused, rule, "x")


# Broken by what no file alone can be: tested one by one below.
NOT_BY_A_FILE = {"too-large", "changed", "part", "inspector-ended", "inspector-slow"}


def test_every_rule_is_broken_by_at_least_one_bad_input():
    assert RULES.keys() - {one.rule for one in BAD_INPUTS} == NOT_BY_A_FILE


@pytest.mark.parametrize("one", PURE)
def test_nothing_of_a_refused_file_stays(one, made, into):
    upload, name = one.make(made)
    with pytest.raises(Refused):
        validate_upload(upload, name, into, config=LIMITS)
    assert list(into.iterdir()) == []


def test_a_file_over_the_limit_of_the_settings_is_refused_before_it_is_copied(made, into):
    (made / "upload").write_bytes(bytes(2 * 2**20 + 1))
    with pytest.raises(Refused) as refusal:
        validate_upload(made / "upload", "model.keras", into, config=Settings(upload_mib=2))
    assert refusal.value.rule == "too-large"
    assert refusal.value.received == "2,097,153 bytes, of at most 2 MiB"


def test_an_architecture_beside_anything_but_weights_is_refused(made, into):
    upload, name = written(keras_file(), "model.keras")(made)
    (made / "architecture").write_bytes(text(sequential(DENSE)))
    with pytest.raises(Refused) as refusal:
        validate_upload(upload, name, into, config=LIMITS, extra_files={"architecture": made / "architecture"})
    assert refusal.value.rule == "part"
    assert list(into.iterdir()) == []


def test_a_name_is_shown_without_marks_and_never_becomes_a_path(made, into):
    upload, _ = written(keras_file(), "")(made)
    gated = validate_upload(upload, "../..\\x/mod\u202eel\r\n\0<b>ünï" + "n" * 300 + ".keras", into, config=LIMITS)
    assert gated.name == ("model <b>ünï" + "n" * 300)[:120]
    assert [path.name for path in into.iterdir()] == ["model.keras"]


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
def test_the_name_that_is_shown(name, shown):
    assert display_file_name(name) == shown


def test_text_for_display_is_cut_at_120_characters():
    assert display_text("ä" * 500) == "ä" * 120


def test_the_hash_is_that_of_the_upload(made, into):
    import hashlib

    upload, name = written(keras_file(), "model.keras")(made)
    assert validate_upload(upload, name, into, config=LIMITS).sha256 == hashlib.sha256(upload.read_bytes()).hexdigest()
    assert (into / "model.keras").read_bytes() == upload.read_bytes()


def test_what_an_operating_system_adds_to_a_zip_is_left_out_and_said(made, into):
    members = {"m/saved_model.pb": b"x", "m/.DS_Store": b"y", "__MACOSX/m/._saved_model.pb": b"z"}
    upload, name = written(zipped(members), "model.zip")(made)
    gated = validate_upload(upload, name, into, config=LIMITS)
    assert [path.name for path in into.iterdir()] == ["saved_model.pb"]
    assert gated.remarks == ["Files that only an operating system had put there were left out."]


def test_a_zip_whose_end_in_64_bits_says_the_same_is_taken_and_one_that_says_another_is_not(made, into):
    content = keras_file()
    at = content.rindex(b"PK\x05\x06")
    _, _, _, _, count, length, start, _ = struct.unpack("<4s4H2LH", content[at:])
    upload, name = written(content[:at] + wide_end(start, length, count + 1) + content[at:], "model.keras")(made)
    with pytest.raises(Refused) as refusal:
        validate_upload(upload, name, into, config=LIMITS)
    assert refusal.value.rule == "zip-broken"
    upload, name = written(content[:at] + wide_end(start, length, count) + content[at:], "model.keras")(made)
    assert validate_upload(upload, name, into, config=LIMITS).format == "keras"


def test_a_task_of_the_worker_refuses_as_the_inspector_does(into):
    (into / "architecture.json").write_text("{}")
    with pytest.raises(Refused) as refusal:
        validate_content(None, {}, format="architecture", folder=str(into))
    assert refusal.value.rule == "config-shape"
