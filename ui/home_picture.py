"""Picture on the Home page: the parts of a model and which of them formats keep, drawn from the formats' claims."""

from collections.abc import Iterable

from core.formats.base import Format
from ui.drawing import FAINT, INK, draw_svg

# White letters are read on each of them, and its outline is seen on white and on near-black.
PART_COLOURS = {"architecture": "#5B54E8", "weights": "#0F766E", "optimizer state": "#B45309"}
PART_LABELS = {"architecture": "Architecture", "weights": "Weights", "optimizer state": "Optimizer"}
ROW, TOP, LEFT, COLUMN_WIDTH, GAP = 44, 138, 136, 122, 12


def draw_home_picture(formats: Iterable[Format]) -> str:
    """Return the picture as SVG: the three parts of a model, and a row with the parts that each format keeps."""
    formats = list(formats)
    height = TOP + ROW * len(formats) + 6
    shapes = [_svg_text(12, 62, "A model is", INK, 19, 700), _svg_text(12, 118, "A copy may keep", INK, 16, 600)]
    for column, (part, colour) in enumerate(PART_COLOURS.items()):
        x = LEFT + column * (COLUMN_WIDTH + GAP)
        shapes.append(_filled_rect(x, 30, 52, colour))
        shapes.append(_svg_text(x + COLUMN_WIDTH / 2, 62, PART_LABELS[part], "#FFFFFF", 18, 600, "middle"))
        if column:
            shapes.append(_svg_text(x - GAP / 2, 63, "+", INK, 19, 700, "middle"))
    shapes += [_home_picture_row(format_, TOP + index * ROW) for index, format_ in enumerate(formats)]
    return draw_svg(LEFT + 3 * (COLUMN_WIDTH + GAP), height, "".join(shapes))


def _home_picture_row(format_: Format, y: float) -> str:
    # The file's ending, in brackets in the label, is a shorter name than the label.
    name = format_.label.partition("(")[2].rstrip(")") or format_.label
    shapes = [_svg_text(12, y + 23, name, INK, 17, 400)]
    for column, (part, colour) in enumerate(PART_COLOURS.items()):
        x = LEFT + column * (COLUMN_WIDTH + GAP)
        text: tuple[str, str, int, int]
        if part in format_.keeps and (part != "optimizer state" or format_.can_resume_training):
            cell, text = _filled_rect(x, y, 34, colour), ("kept", "#FFFFFF", 15, 600)
        elif part == "optimizer state" and part in format_.keeps:
            cell, text = _outlined_rect(x, y, colour, ""), ("not usable", INK, 15, 400)
        elif part == "architecture" and "graph" in format_.keeps:
            cell, text = _outlined_rect(x, y, colour, ""), ("as a graph", INK, 15, 400)
        else:
            cell, text = _outlined_rect(x, y, FAINT, "5 5"), ("not kept", FAINT, 14, 400)
        shapes += [cell, _svg_text(x + COLUMN_WIDTH / 2, y + 22, *text, "middle")]
    return "".join(shapes)


def _filled_rect(x: float, y: float, height: float, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{COLUMN_WIDTH}" height="{height}" rx="9" fill="{fill}"/>'


def _outlined_rect(x: float, y: float, stroke: str, dashes: str) -> str:
    return (
        f'<rect x="{x + 1}" y="{y + 1}" width="{COLUMN_WIDTH - 2}" height="32" rx="8" fill="none" stroke="{stroke}" '
        f'stroke-width="1.5" stroke-dasharray="{dashes}"/>'
    )


def _svg_text(x: float, y: float, text: str, fill: str, points: int, weight: int, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{fill}" font-size="{points}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{text}</text>'
    )
