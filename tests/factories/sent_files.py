"""Files that have been sent, as the control in a browser tells a page of them."""

from collections.abc import Mapping

from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.uploads import NamedFile, Uploads


def store_file(uploads: Uploads, name: str, content: bytes) -> str:
    """An upload that has come whole; returns its id."""
    upload = uploads.create(name, len(content))
    piece = uploads.open_piece(upload.id, 0)
    piece.write(content)
    piece.keep()
    piece.close()
    return upload.id


def list_whole_uploads(uploads: Uploads) -> list[str]:
    """The names of the files that have come whole and are still there."""
    return [upload.name for _, upload in uploads._place.list_uploads() if upload and upload.is_whole]


def send_files(
    app: AppTest, widget_key: str, uploads: Uploads, files: Mapping[str, bytes], pending: int = 0
) -> AppTest:
    """Run the page once the control with this key has sent files by name, and others are on their way."""
    whole = [store_file(uploads, name, content) for name, content in files.items()]
    app.session_state[widget_key] = {"files": {"whole": whole, "pending": pending}}
    return app.run()


def send_in_pieces(jobs: Jobs, name: str, data: bytes) -> NamedFile:
    """A file that has come whole, by several requests."""
    upload = jobs.uploads.create(name, len(data))
    for start in range(0, len(data), 9000):
        piece = jobs.uploads.open_piece(upload.id, start)
        piece.write(data[start : start + 9000])
        piece.keep()
        piece.close()
    (file,) = jobs.uploads.find_files([upload.id])
    return file


def list_given(jobs: Jobs) -> set[str]:
    """The jobs of a team of which given files lie in its store."""
    return jobs.job_store.files.list_given()
