"""Tarballs as npm makes them."""

import io
import tarfile


def make_tarball(files: dict[str, bytes]) -> bytes:
    """A tarball of these files by their paths in the package."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
