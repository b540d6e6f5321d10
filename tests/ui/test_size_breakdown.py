"""Where the bytes go, in words and as areas."""

from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.errors import UnknownName
from core.jobs import Jobs
from core.size_breakdown.breakdown import GROUP_MEANINGS, GROUPS, SAVED_BY_COMPRESSION, SizePart, bytes_by_group
from tests.factories.contrast import contrast
from ui import size_breakdown
from ui.size_breakdown import (
    GROUP_COLOURS,
    MAX_PARTS,
    breakdown_sentence,
    breakdown_treemap,
    byte_strips,
    strips_sentence,
)

H5_PARTS = [
    SizePart("optimizer state", "adam/dense_kernel_momentum", 400, "model.h5"),
    SizePart("weights", "sequential/dense/kernel", 400, "model.h5"),
    SizePart("optimizer state", "adam/dense_kernel_velocity", 400, "model.h5"),
    SizePart("structure and padding", "runs of zeros", 300, "model.h5"),
]


def test_size_breakdown_groups_have_colour_and_meaning():
    drawn = [group for group in GROUPS if group != SAVED_BY_COMPRESSION]
    assert [group for group in drawn if group not in GROUP_COLOURS or group not in GROUP_MEANINGS] == []


@pytest.mark.parametrize("colour", sorted(set(GROUP_COLOURS.values())))
def test_size_breakdown_colours_have_contrast_with_white_text(colour: str):
    assert contrast(colour, "#FFFFFF") >= 4.5


def test_size_breakdown_text_names_largest_group_first():
    assert list(bytes_by_group(H5_PARTS)) == ["optimizer state", "weights", "structure and padding"]
    text = "About half of the bytes go to optimizer state: 800 B of 1.5 kB. That is what training needs to resume, "
    assert breakdown_sentence(H5_PARTS) == text + "and no answer ever reads."


@pytest.mark.parametrize(
    ("weights", "share"),
    [(1000, "Nearly all"), (220, "About two thirds"), (100, "About half"), (35, "About a quarter")],
)
def test_size_breakdown_text_describes_share(weights: int, share: str):
    others = [SizePart(group, "rest", 1 if weights == 1000 else 34, "model.pb") for group in GROUPS[2:5]]
    assert breakdown_sentence([SizePart("weights", "kernel", weights, "model.pb"), *others]).startswith(
        f"{share} of the bytes go to"
    )


def test_size_breakdown_text_of_single_group_and_empty_files():
    assert (
        breakdown_sentence(H5_PARTS[1:2])
        == "All of the bytes go to weights: 400 B. That is the numbers that were learned."
    )
    assert breakdown_sentence([]) == "The files are empty."


def test_size_breakdown_mentions_compression_without_drawing_it():
    packed = [*H5_PARTS, SizePart(SAVED_BY_COMPRESSION, "model.h5: compression", -500, "model.keras")]
    assert breakdown_sentence(packed).endswith(" Compression then takes 500 B off.")
    assert breakdown_treemap(packed) == breakdown_treemap(H5_PARTS)


def test_treemap_areas_add_up_in_groups_of_one_colour():
    chart = breakdown_treemap(H5_PARTS).data[0]
    drawn = list(zip(chart.ids, chart.parents, chart.values, chart.marker.colors, strict=True))
    assert drawn == [
        ("optimizer state", "", 800, GROUP_COLOURS["optimizer state"]),
        ("weights", "", 400, GROUP_COLOURS["weights"]),
        ("structure and padding", "", 300, GROUP_COLOURS["structure and padding"]),
        ("optimizer state/0", "optimizer state", 400, GROUP_COLOURS["optimizer state"]),
        ("optimizer state/1", "optimizer state", 400, GROUP_COLOURS["optimizer state"]),
        ("weights/0", "weights", 400, GROUP_COLOURS["weights"]),
        ("structure and padding/0", "structure and padding", 300, GROUP_COLOURS["structure and padding"]),
    ]
    assert chart.labels[:3] == ("optimizer state · 800 B", "weights · 400 B", "structure and padding")
    assert chart.labels[5] == "dense/kernel<br>400 B"
    assert chart.hovertext[5] == "sequential/dense/kernel<br>400 B, 26.7% (400 bytes)<br>model.h5"


def test_treemap_merges_smallest_of_many_parts():
    chart = breakdown_treemap(
        [SizePart("weights", f"layer{at}/kernel", 1000 + at, "model.h5") for at in range(MAX_PARTS + 5)]
    ).data[0]
    assert len(chart.ids) == 1 + MAX_PARTS + 1
    assert chart.labels[-1] == "5 smaller parts<br>5.0 kB"
    assert chart.values[-1] == sum(range(1000, 1005))


def test_treemap_escapes_names_from_files():
    chart = breakdown_treemap([SizePart("weights", '<a href="x">kernel', 8, "<b>.h5")]).data[0]
    assert "<a" not in chart.labels[1] + chart.hovertext[1]
    assert "<b>" not in chart.hovertext[1]


def draw_page(artifact: str) -> None:
    from ui.size_breakdown import show_size_breakdown

    show_size_breakdown(artifact)


def test_size_breakdown_section_shows_text_treemap_and_damage(monkeypatch: pytest.MonkeyPatch, jobs: Jobs, saved):
    monkeypatch.setattr("ui.session.Jobs", lambda: jobs)
    st.cache_resource.clear()
    artifact = saved("digits-mlp", "h5")["artifact"]
    app = AppTest.from_function(draw_page, kwargs={"artifact": artifact}).run(timeout=60)
    assert not app.exception
    assert app.markdown[1].value.startswith(
        "About three fifths of the bytes go to optimizer state\\: 76\\.9 kB of 138 kB"
    )
    assert app.caption[0].value.startswith("optimizer state 76\\.9 kB \\(56%\\) · weights 38\\.4 kB \\(28%\\)")
    assert len(app.get("plotly_chart")) == 1
    file = jobs.library.home / "artifacts" / artifact / "files" / "model.h5"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    st.cache_data.clear()
    assert "has 137,703 bytes instead of 137,704" in app.run(timeout=60).error[0].value
    file.write_bytes(whole)
    st.cache_resource.clear()


def test_size_breakdown_checks_permission_before_its_cache(monkeypatch: pytest.MonkeyPatch):
    def refuse(id_: str) -> None:
        raise UnknownName("Nothing in the library has this id.", received=id_)

    monkeypatch.setattr(size_breakdown, "_cached_breakdown", lambda id_: pytest.fail("read before it was checked"))
    jobs = SimpleNamespace(library=SimpleNamespace(folder=refuse))
    monkeypatch.setattr(size_breakdown, "current_jobs", lambda: jobs)
    with pytest.raises(UnknownName):
        size_breakdown._load_breakdown("a0123456789")


STRIPS = {"H5": {"weights": 400, "optimizer state": 800}, "LiteRT": {"graph": 100, "weights": 200}}


def test_byte_strips_have_smallest_first_and_one_bar_for_each_group():
    figure = byte_strips(STRIPS)
    assert {bar.name: dict(zip(bar.y, bar.x, strict=True)) for bar in figure.data} == {
        "weights": {"LiteRT": 200, "H5": 400},
        "optimizer state": {"LiteRT": 0, "H5": 800},
        "graph": {"LiteRT": 100, "H5": 0},
    }
    assert list(figure.data[0].y) == ["LiteRT", "H5"]
    assert figure.layout.barmode == "stack"


def test_byte_strips_name_part_and_size_on_hover():
    (weights,) = [bar for bar in byte_strips(STRIPS).data if bar.name == "weights"]
    assert list(weights.hovertext)[1] == "weights: 400 B<br>the numbers that were learned"


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"H5": 1200, "LiteRT": 300}, "LiteRT takes 300 B, H5 1.2 kB, 4.0 times as much."),
        ({"H5": 300, "LiteRT": 300}, "Each takes 300 B."),
        ({"H5": 300}, "H5 takes 300 B."),
        ({"H5": 300, "empty": 0}, "empty takes 0 B, H5 300 B."),
    ],
)
def test_strips_sentence_compares_smallest_and_largest(sizes: dict[str, int], sentence: str):
    assert strips_sentence(sizes) == sentence


def test_compare_page_sizes_tab_shows_strip_of_each_copy(visit, jobs: Jobs, saved):
    ids = [saved("digits-mlp", key)["artifact"] for key in ("keras", "architecture")]
    assert jobs.wait(jobs.compare(ids, 270).id).state == "done"
    app = visit(jobs, "compare", artifact=ids, view="Bytes by part")
    assert not app.exception
    texts = [markdown.value for markdown in app.markdown]
    assert [text for text in texts if text.startswith("Architecture") and "times as much" in text]
