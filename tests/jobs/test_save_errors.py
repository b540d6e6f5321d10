"""What a save says where a converter brings its process down."""

import pytest

from core.errors import ChildDied
from core.jobs.save import _explain_dead_converter


def test_save_with_dead_converter_does_not_say_try_again():
    died = ChildDied("It was ended by the system with SIGSEGV.", cure="Try again")
    with pytest.raises(ChildDied, match="SIGSEGV") as caught, _explain_dead_converter("ONNX"):
        raise died
    assert caught.value.cure == "The converter to ONNX does not take this model: choose another format."


def test_save_with_process_killed_from_outside_keeps_its_cure():
    died = ChildDied("It was ended by the system with SIGKILL.", cure="Try again")
    with pytest.raises(ChildDied) as caught, _explain_dead_converter("ONNX"):
        raise died
    assert caught.value is died
