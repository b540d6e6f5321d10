"""Rows that are not a kit's own: asked chunk by chunk, in batches, in one process that loads once."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.environments.base import Environment
from core.environments.kits import Kit
from core.environments.pool import WarmProcesses
from core.environments.replies import KitReply
from core.errors import NotConfined
from tests.factories.environment_kits import borrow_own_packages, make_engine, make_kit


def split_into_kits(kit: Kit, chunks: list[int], batch: int) -> Iterator[Kit]:
    first = 0
    for rows in chunks:
        numbers = np.arange(first, first + rows, dtype="float32")[:, None]
        yield replace(kit, rows={"x": numbers}, batch=batch, expected=None)
        first += rows


@pytest.fixture
def ask_in_turn(processes: WarmProcesses, tmp_path: Path):
    """A function that asks a kit chunks of rows in an engine of ours; returns its replies."""
    built = borrow_own_packages(tmp_path / "own")

    def ask(engine: Environment, chunks: list[int], batch: int, is_untrusted: bool = False) -> list[KitReply]:
        kit = make_kit(tmp_path / "kit", is_untrusted)
        with contextlib.closing(processes.ask_in_turn(engine, built, split_into_kits(kit, chunks, batch))) as replies:
            return list(replies)

    return ask


@pytest.mark.parametrize(("is_untrusted", "forks"), [(False, False), (True, False), (True, True)])
def test_rows_are_asked_in_batches_and_come_back_in_order(ask_in_turn, is_untrusted: bool, forks: bool):
    replies = ask_in_turn(make_engine("counts", forks=forks), [5, 5, 2], 2, is_untrusted)
    assert [reply.predictions["x"].ravel().tolist() for reply in replies] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        [10, 11],
    ]
    assert [reply.predictions["together"].tolist() for reply in replies] == [[2, 2, 2, 2, 1]] * 2 + [[2, 2]]
    assert {int(reply.predictions["loads"].max()) for reply in replies} == {1}
    assert [(reply.facts.loads, reply.facts.note) for reply in replies] == [(1, "It counts.")] * 3


def test_kit_asked_its_own_rows_afterwards_is_whole_again(processes, ask_in_turn, tmp_path: Path):
    engine = make_engine("doubles")
    ask_in_turn(engine, [3], 2)
    reply = processes.ask(engine, borrow_own_packages(tmp_path / "again"), make_kit(tmp_path / "kit"))
    assert (reply.predictions["twice"].shape, reply.facts.loads) == ((4, 2), 1)


def test_second_model_meanwhile_has_a_process_of_its_own(processes: WarmProcesses, tmp_path: Path):
    engine, built = make_engine("counts"), borrow_own_packages(tmp_path / "own")
    first, second = (make_kit(tmp_path / name, identity=name) for name in ("one", "two"))
    loads = []
    with contextlib.ExitStack() as stack:
        asked = [
            stack.enter_context(
                contextlib.closing(processes.ask_in_turn(engine, built, split_into_kits(kit, [2] * 3, 2)))
            )
            for kit in (first, second)
        ]
        for replies in zip(*asked, strict=True):
            loads += [int(reply.predictions["loads"].max()) for reply in replies]
    assert loads == [1] * 6


def test_rows_of_untrusted_kit_are_refused_where_nothing_confines(ask_in_turn):
    engine = make_engine("counts", cannot_confine="It starts programs of its own.")
    with pytest.raises(NotConfined, match="starts programs"):
        ask_in_turn(engine, [1], 1, is_untrusted=True)
