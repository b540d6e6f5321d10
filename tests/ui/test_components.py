"""Words on screen: sizes, times, scores, and untrusted text made harmless."""

import pytest

from core.compare import Verdict
from core.text.numbers import format_duration, format_score, format_size
from core.text.verdicts import verdict_label
from ui.components import VERDICT_BADGES, escape_markdown, escape_sentence, size_column


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (950, "950 B"),
        (1000, "1.0 kB"),
        (12_345, "12.3 kB"),
        (118_622, "119 kB"),
        (4.2e9, "4.2 GB"),
        (None, "–"),
    ],
)
def test_format_size_uses_largest_fitting_unit(count, words: str):
    assert format_size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (2e-7, "0.01 ms"),
        (0.00034, "0.34 ms"),
        (0.00096, "1 ms"),
        (0.0034, "3 ms"),
        (0.0999, "0.1 s"),
        (0.24, "0.24 s"),
        (3.456, "3.5 s"),
        (12.3, "12 s"),
        (200, "3 min 20 s"),
        (None, "–"),
    ],
)
def test_format_duration_uses_units(seconds, words: str):
    assert format_duration(seconds) == words


def test_format_score_accuracy_is_percentage_and_error_is_number():
    assert format_score("accuracy", 0.9407) == "94.1%"
    assert format_score("mean absolute error", 0.91849) == "0.918"


def test_verdicts_have_label_and_badge():
    assert list(VERDICT_BADGES) == list(Verdict)
    assert verdict_label("some-changed", 3, 270) == "Some answers changed: 3 of 270 rows"
    assert verdict_label("bit-identical", 0, 270) == "Bit-identical"


@pytest.mark.parametrize(
    "text",
    [
        "[click](http://evil.example)",
        "![x](http://evil.example/x.png)",
        "<script>",
        "$x$",
        ":red[x]",
        "**b**",
        "`x`",
        "# h",
    ],
)
def test_plain_text_escapes_untrusted_markdown(text: str):
    from markdown_it import MarkdownIt

    output = MarkdownIt("js-default").render(escape_markdown(text))
    assert "<a" not in output
    assert "<img" not in output
    assert "<script" not in output
    assert "<strong" not in output
    assert "<h1" not in output
    assert "<code" not in output


def test_sentence_shows_a_command_as_code_and_all_else_escaped():
    from markdown_it import MarkdownIt

    shown = MarkdownIt("js-default").render(escape_sentence("*Run* `make <b> $x$ [a](b)` once, `and"))
    assert shown == "<p>*Run* <code>make &lt;b&gt; $x$ [a](b)</code> once, `and</p>\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.3 kB: small", "12.3~kB: small"),
        ("took 3 min 20 s.", "took 3~min 20~s."),
        ("0.4 % of 5 samples", "0.4~% of 5 samples"),
        ("5 h or 7 ms", "5~h or 7~ms"),
        ("2 mshadows, 3 Bytes", "2 mshadows, 3 Bytes"),
    ],
)
def test_plain_text_keeps_number_and_unit_on_one_line(text: str, expected: str):
    assert escape_markdown(text).replace("\\", "") == expected.replace("~", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    "address", ["http://evil.example", "HTTPS://evil.example", "www.evil.example", "a@evil.example"]
)
def test_plain_text_breaks_up_urls_against_autolinks(address: str):
    assert address not in escape_markdown(address).replace("\\", "")


@pytest.mark.parametrize(
    ("sizes", "expected", "unit"),
    [
        ([950, None, 12_300], [0.95, None, 12.3], "%.1f kB"),
        ([950, 4_500_000], [0.00095, 4.5], "%.3f MB"),
        ([2 * 10**9], [2.0], "%.3f GB"),
        ([], [], "%.1f kB"),
    ],
)
def test_size_column_has_one_unit(sizes, expected, unit):
    numbers, config = size_column(sizes)
    assert numbers == expected
    assert config["type_config"]["format"] == unit
