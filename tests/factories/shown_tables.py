"""What the tables of a page show whose words wrap: they are HTML, which a page without a browser does not read."""

from html.parser import HTMLParser

from streamlit.testing.v1 import AppTest


class _Reader(HTMLParser):
    """Gathers the headings and the cells of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.rows[-1][-1] += data


def read_table(html: str) -> dict[str, list[str]]:
    """The columns of a table by their headings."""
    reader = _Reader()
    reader.feed(html)
    head, *rows = reader.rows
    return {name: [row[column] for row in rows] for column, name in enumerate(head)}


def shown_tables(app: AppTest) -> list[dict[str, list[str]]]:
    """The tables of a page whose words wrap, from the top."""
    bodies = [element.proto.body for element in app.get("html")]
    return [read_table(body) for body in bodies if 'class="wrapped-table"' in body]
