"""A drawing as SVG whose letters and lines follow the theme of the page that shows it.

What it is drawn with is chosen in the browser: where the theme changes with the hour, no page is run for it.
"""

# By its name, a colour on a light ground and on a dark one; letters are read in each.
THEME_COLOURS = {"ink": ("#1E1B2E", "#ECEAF6"), "faint": ("#57536E", "#A5A1BD")}
INK, FAINT = (f"var(--{name})" for name in THEME_COLOURS)
FONTS = "Source Sans Pro, Source Sans, Segoe UI, Helvetica, Arial, sans-serif"


def draw_svg(width: float, height: float, shapes: str, font_size: int = 16) -> str:
    """Return shapes as a drawing of this size, in which INK and FAINT are colours."""
    light, dark = ("".join(f"--{name}:{pair[index]};" for name, pair in THEME_COLOURS.items()) for index in (0, 1))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'font-size="{font_size}" font-family="{FONTS}">'
        f"<style>svg{{{light}}}@media (prefers-color-scheme: dark){{svg{{{dark}}}}}</style>{shapes}</svg>"
    )
