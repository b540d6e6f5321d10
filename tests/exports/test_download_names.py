"""Names of downloaded files: demo, format and date, without an id."""

import pytest

from core.exports.download_names import name_of_artifact, name_of_file, name_of_run, name_of_zip
from tests.factories.library_entries import make_artifact, make_run


@pytest.mark.parametrize(
    ("demo", "name", "expected"),
    [
        ("tips", "Guess the tip", "tips"),
        (None, "Größe, in cm!", "Groe-in-cm"),
        (None, "模型", "model"),
        (None, "../../etc/passwd", "etc-passwd"),
        (None, "x" * 100, "x" * 60),
    ],
)
def test_name_of_run_is_its_demo_or_what_is_plain_of_its_name(empty_library, demo, name, expected):
    run = make_run(empty_library, demo=demo, name=name)
    assert name_of_run(run) == expected


def test_names_of_downloads_hold_demo_format_and_day(empty_library):
    run = make_run(empty_library)
    first, second = (make_artifact(empty_library, run, key) for key in ("weights", "keras"))
    day = first.created[:10]
    assert name_of_artifact(empty_library, first.id) == f"digits-mlp-weights-{day}"
    assert name_of_file(empty_library, first.id, "model.weights.h5") == f"digits-mlp-weights-{day}.weights.h5"
    assert name_of_file(empty_library, first.id, "checkpoint") == f"digits-mlp-weights-{day}-checkpoint"
    assert name_of_zip(empty_library, [second.id]) == f"digits-mlp-keras-{day}.zip"
    assert name_of_zip(empty_library, [first.id, second.id]) == f"roundtrip-2-artifacts-{day}.zip"
