"""Picture on the Home page: the parts of a model and which of them formats keep, drawn from the formats' claims."""

from collections.abc import Iterable

from core.formats.base import Format

# White letters are read on each of them, and its outline is seen on white and on near-black.
PART_COLOURS = {"architecture": "#5B54E8", "weights": "#0F766E", "optimizer state": "#B45309"}
PART_LABELS = {"architecture": "Architecture", "weights": "Weights", "optimizer state": "Optimizer"}
ROW, TOP, LEFT, COLUMN_WIDTH, GAP = 44, 138, 136, 122, 12


def draw_home_picture(formats: Iterable[Format], is_dark: bool) -> str:
    """Return the picture as SVG: the three parts of a model, and a row with the parts that each format keeps."""
    formats = list(formats)
    ink, faint = ("#ECEAF6", "#A5A1BD") if is_dark else ("#1E1B2E", "#57536E")  # read on either ground
    height = TOP + ROW * len(formats) + 6
    shapes = [_svg_text(12, 62, "A model is", ink, 19, 700), _svg_text(12, 118, "A copy may keep", ink, 16, 600)]
    for column, (part, colour) in enumerate(PART_COLOURS.items()):
        x = LEFT + column * (COLUMN_WIDTH + GAP)
        shapes.append(_filled_rect(x, 30, 52, colour))
        shapes.append(_svg_text(x + COLUMN_WIDTH / 2, 62, PART_LABELS[part], "#FFFFFF", 18, 600, "middle"))
        if column:
            shapes.append(_svg_text(x - GAP / 2, 63, "+", ink, 19, 700, "middle"))
    shapes += [_home_picture_row(format_, TOP + index * ROW, ink, faint) for index, format_ in enumerate(formats)]
    width = LEFT + 3 * (COLUMN_WIDTH + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'font-family="Source Sans Pro, Source Sans, Segoe UI, Helvetica, Arial, sans-serif">{"".join(shapes)}</svg>'
    )


def _home_picture_row(format_: Format, y: float, ink: str, faint: str) -> str:
    # The file's ending, in brackets in the label, is a shorter name than the label.
    name = format_.label.partition("(")[2].rstrip(")") or format_.label
    shapes = [_svg_text(12, y + 23, name, ink, 17, 400)]
    for column, (part, colour) in enumerate(PART_COLOURS.items()):
        x = LEFT + column * (COLUMN_WIDTH + GAP)
        text: tuple[str, str, int, int]
        if part in format_.keeps and (part != "optimizer state" or format_.can_resume_training):
            cell, text = _filled_rect(x, y, 34, colour), ("kept", "#FFFFFF", 15, 600)
        elif part == "optimizer state" and part in format_.keeps:
            cell, text = _outlined_rect(x, y, colour, ""), ("not usable", ink, 15, 400)
        elif part == "architecture" and "graph" in format_.keeps:
            cell, text = _outlined_rect(x, y, colour, ""), ("as a graph", ink, 15, 400)
        else:
            cell, text = _outlined_rect(x, y, faint, "5 5"), ("not kept", faint, 14, 400)
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
