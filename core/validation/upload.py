"""Through the gate: one upload is checked and laid out under the file names that the matching format uses."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from core.errors import StorageFailed, cleanup_on_error
from core.settings import Settings
from core.validation import file_types, rules
from core.validation.archives import Archive, Folder
from core.validation.keras_config import check_config, read_config
from core.validation.rules import file_name, refused

FILES = {
    "keras": "model.keras",
    "h5": "model.h5",
    "weights": "model.weights.h5",
    "architecture": "architecture.json",
    "litert": "model.tflite",
    "onnx": "model.onnx",
}
STATE = "checkpoint"  # the file in which TensorFlow says which checkpoint is the latest
BLOCK = 1 << 20
LEFT_OUT = "Files that only an operating system had put there were left out."


class Gated(NamedTuple):
    """An upload that passed: `format` is a key of `core.formats`, `name` what the person's file is called, for display,
    `sha256` that of the upload (of a folder, that of its list of names and hashes), `remarks` plain sentences."""

    format: str
    name: str
    sha256: str
    remarks: list[str]


def gate(upload: Path, name: str, into: Path, *, config: Settings, parts: Mapping[str, Path] | None = None) -> Gated:
    """Check one upload, a file or a folder, and lay its files out in the empty folder `into`.

    `name` is what it was called where it comes from; `parts` are further files by what they are: the "architecture" of
    weights. Raises Refused, and then `into` is empty again, or StorageFailed.
    """
    with cleanup_on_error(lambda: _emptied(into)):
        try:
            return _passed(Path(upload), name, into, config, dict(parts or {}))
        except OSError as error:
            sentence = "The file could not be read, or there is no room for what is in it."
            cure = "Free some space, then try again."
            raise StorageFailed(sentence, cure=cure, detail=error.strerror or "") from error


def _emptied(folder: Path) -> None:
    for left in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def _passed(upload: Path, name: str, into: Path, config: Settings, parts: dict[str, Path]) -> Gated:
    shown, most = file_name(name), config.unpacked_mib * 2**20
    if upload.is_symlink() or not (upload.is_dir() or upload.is_file()):
        raise refused("not-a-file")
    if upload.is_dir():
        format_, remarks = _folder(upload, into, most)
        digest = _hash_folder(into)
    else:
        kind = file_types.claimed(name)
        size = upload.stat().st_size
        if size > config.upload_mib * 2**20:
            raise refused("too-large", f"{size:,} bytes, of at most {config.upload_mib:,} MiB")
        kept = into / FILES.get(kind, "upload.zip")
        digest, head = _copied(upload, kept, size)
        file_types.check_content(kind, head, size)
        format_, remarks = _file(kind, kept, into, most)
    if parts:
        _part(format_, parts, into, config)
    return Gated(format_, shown, digest, remarks)


def _copied(upload: Path, kept: Path, size: int) -> tuple[str, bytes]:
    """Copy while hashing, so that what is checked from here on is what was hashed; gives the hash and first bytes."""
    digest, head, count = hashlib.sha256(), b"", 0
    with upload.open("rb") as source, kept.open("xb") as out:
        while block := source.read(BLOCK):
            head = head or block[: file_types.HEAD]
            count += len(block)
            if count > size:
                raise refused("changed")
            digest.update(block)
            out.write(block)
    if count != size:
        raise refused("changed")
    return digest.hexdigest(), head


def _file(kind: str, kept: Path, into: Path, most: int) -> tuple[str, list[str]]:
    if kind == "architecture":
        check_config(read_config(_whole(kept)))
    if kind == "keras":
        _keras(kept, most)
    if kind != "zip":
        return kind, []
    with kept.open("rb") as stream:
        found = _laid_out(Archive(stream, kept.stat().st_size, most), into)
    kept.unlink()
    return found


def _whole(path: Path) -> bytes:
    if path.stat().st_size > rules.JSON:
        raise refused("json-size", f"{path.stat().st_size:,} bytes")
    return path.read_bytes()


def _keras(path: Path, most: int) -> None:
    """A .keras file stays as it is: its members are checked, each is unpacked once in passing, and nothing is kept."""
    with path.open("rb") as stream:
        archive = Archive(stream, path.stat().st_size, most)
        names = {name: name for name in archive.sizes}
        file_types.check_members(names, file_types.KERAS, ("config.json", "metadata.json", "model.weights.h5"))
        read_config(archive.read("metadata.json", rules.JSON))
        check_config(read_config(archive.read("config.json", rules.JSON)))
        for name in names:
            archive.test(name)


def _folder(upload: Path, into: Path, most: int) -> tuple[str, list[str]]:
    folder = Folder(upload, most)
    if not folder.sizes:
        raise refused("empty")
    return _laid_out(folder, into)


def _laid_out(files: Archive | Folder, into: Path) -> tuple[str, list[str]]:
    """Unpack what is in a zip or folder under our names; gives the format and what there is to remark."""
    kind, names = file_types.inside(files)
    remarks = [] if len(names) == len(files.sizes) else [LEFT_OUT]
    if kind == "saved_model":
        file_types.check_saved_model(names)
        names = {name: full for name, full in names.items() if not name.startswith("assets.extra/")}
    if kind == "openvino":
        names = file_types.openvino_pair(names)
    if kind == "checkpoint":
        names, more = _checkpoint(files, names)
        remarks += more
    for name, full in names.items():
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        files.copy(full, into / name)
    if kind == "checkpoint":
        (into / STATE).write_text('model_checkpoint_path: "model"\nall_model_checkpoint_paths: "model"\n')
    return kind, remarks


def _checkpoint(files: Archive | Folder, names: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    state = names.get(STATE)
    said = None if state is None else files.read(state, rules.JSON).decode("utf-8", "replace")
    chosen = file_types.choose_checkpoint(names, said)
    others = sum(name.endswith(".index") for name in names) - 1
    return chosen, [f"Of {others + 1} checkpoints, the latest one was taken."] if others else []


def _hash_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as stream:
            inner = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{inner}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


def _part(format_: str, parts: dict[str, Path], into: Path, config: Settings) -> None:
    """The architecture that weights are given lies beside them, checked as one that comes alone."""
    if format_ != "weights" or parts.keys() != {"architecture"}:
        raise refused("part", ", ".join(parts))
    path, kept = parts["architecture"], into / FILES["architecture"]
    size = path.stat().st_size
    if size > min(rules.JSON, config.upload_mib * 2**20):
        raise refused("json-size", f"{size:,} bytes")
    _, head = _copied(path, kept, size)
    file_types.check_content("architecture", head, size)
    check_config(read_config(_whole(kept)))
