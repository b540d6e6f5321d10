"""Proof kits, unpacked for the environments that are asked with them."""

import contextlib
import hashlib
import shutil
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from core.environments.kits import Kit, read_arrays, read_kit
from core.exports.archive import write_archive
from core.exports.proof_kit import build_proof_kit
from core.library import Library
from core.library.storage import size_on_disk


@contextlib.contextmanager
def unpacked_kit(library: Library, artifact_id: str) -> Iterator[Kit]:
    """The kit of an artifact, which lies on the disk as long as this lasts: also of one that did not load here.

    Raises UnknownName, Damaged, InputError where the format has no kit, or a kit would prove nothing.
    """
    run = library.run(library.artifact(artifact_id).run)
    with library.staging() as staged:
        folder = _unpack(library, artifact_id, staged)
        facts, inputs = read_kit(folder), read_arrays(folder / "inputs.npz")
        identity = hashlib.sha256(f"{artifact_id} {library.fingerprint(artifact_id)}".encode()).hexdigest()[:16]
        yield Kit(
            identity=identity,
            format=str(facts["format"]),
            expected=read_arrays(folder / "expected.npz"),
            write=partial(shutil.copytree, folder),
            bytes=size_on_disk(folder),
            is_untrusted=facts["trust"] != "ours",
            classes=bool(run.labels) or None,
            inputs_sha256=str(facts["files"]["inputs.npz"]),
            input_dtypes={name: array.dtype for name, array in inputs.items()},
        )


def _unpack(library: Library, artifact_id: str, staged: Path) -> Path:
    """Unpack a kit below a folder of ours; returns its own folder."""
    with build_proof_kit(library, artifact_id, is_to_ask=True) as archive:
        path = staged / archive.name
        write_archive(archive, path)
    with zipfile.ZipFile(path) as packed:
        packed.extractall(staged)
    path.unlink()
    return staged / path.stem
