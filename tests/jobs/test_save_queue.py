"""Which of two lines saves which format: those that begin with the same file follow each other in one."""

from collections import defaultdict

from core.formats import FORMATS
from core.jobs.save import SaveQueue


def _take_all(queue: SaveQueue, *lines: str) -> dict[str, list[str]]:
    """What each line takes, where they take by turns."""
    taken: dict[str, list[str]] = defaultdict(list)
    while True:
        for line in lines:
            if not (key := queue.take(line)):
                return dict(taken)
            taken[line].append(key)


def test_queue_leaves_forms_of_one_file_to_the_line_that_made_it():
    waiting = ["litert", "litert_int8", "onnx", "litert_dynamic", "h5", "onnx_int8", "keras"]
    taken = _take_all(SaveQueue(waiting), "0", "1")
    assert taken == {"0": ["litert", "litert_int8", "litert_dynamic", "keras"], "1": ["onnx", "h5", "onnx_int8"]}


def test_queue_gives_every_format_once_whatever_the_lines():
    keys = [format_.key for format_ in FORMATS]
    for count in (1, 2, 5):
        taken = _take_all(SaveQueue(keys), *map(str, range(count)))
        assert sorted(key for line in taken.values() for key in line) == sorted(keys)


def test_queue_line_without_other_formats_helps_the_one_that_has_them():
    queue = SaveQueue(["litert", "litert_int8"])
    assert [queue.take(line) for line in ("0", "1", "0")] == ["litert", "litert_int8", ""]


def test_queue_takes_a_format_that_is_not_installed_any_more():
    assert SaveQueue(["gone"]).take("0") == "gone"
