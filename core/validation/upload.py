"""Through the gate: one upload is checked and laid out under the file names that the matching format uses."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from core.errors import StorageFailed, cleanup_on_error
from core.settings import Settings
from core.validation import file_types, limits
from core.validation.archives import UntrustedFolder, UntrustedZip
from core.validation.keras_config import check_config, parse_config
from core.validation.rules import display_file_name, refusal

FILE_NAMES = {
    "keras": "model.keras",
    "h5": "model.h5",
    "weights": "model.weights.h5",
    "architecture": "architecture.json",
    "litert": "model.tflite",
    "onnx": "model.onnx",
}
CHECKPOINT_STATE_FILE = "checkpoint"  # the file in which TensorFlow says which checkpoint is the latest
BLOCK = 1 << 20
SKIPPED_FILES_REMARK = "Files that only an operating system had put there were left out."


class ValidatedUpload(NamedTuple):
    """An upload that passed: `format` is a key of `core.formats`, `name` what the person's file is called, for display,
    `sha256` that of the upload (of a folder, that of its list of names and hashes), `remarks` plain sentences."""

    format: str
    name: str
    sha256: str
    remarks: list[str]


def validate_upload(
    upload: Path, name: str, target: Path, *, config: Settings, extra_files: Mapping[str, Path] | None = None
) -> ValidatedUpload:
    """Check one upload, a file or a folder, and lay its files out in the empty folder `into`.

    `name` is what it was called where it comes from; `parts` are further files by what they are: the "architecture" of
    weights. Raises Refused, and then `into` is empty again, or StorageFailed.
    """
    with cleanup_on_error(lambda: _clear_folder(target)):
        try:
            return _validate_and_lay_out(Path(upload), name, target, config, dict(extra_files or {}))
        except OSError as error:
            sentence = "The file could not be read, or there is no room for what is in it."
            cure = "Free some space, then try again."
            raise StorageFailed(sentence, cure=cure, detail=error.strerror or "") from error


def _clear_folder(folder: Path) -> None:
    for left in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def _validate_and_lay_out(
    upload: Path, name: str, target: Path, config: Settings, extra_files: dict[str, Path]
) -> ValidatedUpload:
    shown, most = display_file_name(name), config.unpacked_mib * 2**20
    if upload.is_symlink() or not (upload.is_dir() or upload.is_file()):
        raise refusal("not-a-file")
    if upload.is_dir():
        format_, remarks = _validate_folder(upload, target, most)
        digest = _hash_folder(target)
    else:
        kind = file_types.kind_from_name(name)
        size = upload.stat().st_size
        if size > config.upload_mib * 2**20:
            raise refusal("too-large", f"{size:,} bytes, of at most {config.upload_mib:,} MiB")
        kept = target / FILE_NAMES.get(kind, "upload.zip")
        digest, head = _copy_and_hash(upload, kept, size)
        file_types.check_content_type(kind, head, size)
        format_, remarks = _validate_file(kind, kept, target, most)
    if extra_files:
        _add_architecture(format_, extra_files, target, config)
    return ValidatedUpload(format_, shown, digest, remarks)


def _copy_and_hash(upload: Path, copy: Path, size: int) -> tuple[str, bytes]:
    """Copy while hashing, so that what is checked from here on is what was hashed; gives the hash and first bytes."""
    digest, head, count = hashlib.sha256(), b"", 0
    with upload.open("rb") as source, copy.open("xb") as out:
        while block := source.read(BLOCK):
            head = head or block[: file_types.HEAD_BYTES]
            count += len(block)
            if count > size:
                raise refusal("changed")
            digest.update(block)
            out.write(block)
    if count != size:
        raise refusal("changed")
    return digest.hexdigest(), head


def _validate_file(kind: str, copy: Path, target: Path, max_bytes: int) -> tuple[str, list[str]]:
    if kind == "architecture":
        check_config(parse_config(_read_json_bytes(copy)))
    if kind == "keras":
        _validate_keras_archive(copy, max_bytes)
    if kind != "zip":
        return kind, []
    with copy.open("rb") as stream:
        found = _lay_out_members(UntrustedZip(stream, copy.stat().st_size, max_bytes), target)
    copy.unlink()
    return found


def _read_json_bytes(path: Path) -> bytes:
    if path.stat().st_size > limits.MAX_JSON_BYTES:
        raise refusal("json-size", f"{path.stat().st_size:,} bytes")
    return path.read_bytes()


def _validate_keras_archive(path: Path, max_bytes: int) -> None:
    """A .keras file stays as it is: its members are checked, each is unpacked once in passing, and nothing is kept."""
    with path.open("rb") as stream:
        archive = UntrustedZip(stream, path.stat().st_size, max_bytes)
        names = {name: name for name in archive.sizes}
        file_types.check_members(names, file_types.KERAS_MEMBERS, ("config.json", "metadata.json", "model.weights.h5"))
        parse_config(archive.read("metadata.json", limits.MAX_JSON_BYTES))
        check_config(parse_config(archive.read("config.json", limits.MAX_JSON_BYTES)))
        for name in names:
            archive.test(name)


def _validate_folder(upload: Path, target: Path, max_bytes: int) -> tuple[str, list[str]]:
    folder = UntrustedFolder(upload, max_bytes)
    if not folder.sizes:
        raise refusal("empty")
    return _lay_out_members(folder, target)


def _lay_out_members(files: UntrustedZip | UntrustedFolder, target: Path) -> tuple[str, list[str]]:
    """Unpack what is in a zip or folder under our names; gives the format and what there is to remark."""
    kind, names = file_types.detect_packed_kind(files)
    remarks = [] if len(names) == len(files.sizes) else [SKIPPED_FILES_REMARK]
    if kind == "saved_model":
        file_types.check_saved_model_members(names)
        names = {name: full for name, full in names.items() if not name.startswith("assets.extra/")}
    if kind == "openvino":
        names = file_types.choose_openvino_files(names)
    if kind == "checkpoint":
        names, more = _choose_checkpoint_files(files, names)
        remarks += more
    for name, full in names.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        files.copy(full, target / name)
    if kind == "checkpoint":
        (target / CHECKPOINT_STATE_FILE).write_text(
            'model_checkpoint_path: "model"\nall_model_checkpoint_paths: "model"\n'
        )
    return kind, remarks


def _choose_checkpoint_files(
    files: UntrustedZip | UntrustedFolder, names: dict[str, str]
) -> tuple[dict[str, str], list[str]]:
    state = names.get(CHECKPOINT_STATE_FILE)
    said = None if state is None else files.read(state, limits.MAX_JSON_BYTES).decode("utf-8", "replace")
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


def _add_architecture(format_: str, extra_files: dict[str, Path], target: Path, config: Settings) -> None:
    """The architecture that weights are given lies beside them, checked as one that comes alone."""
    if format_ != "weights" or extra_files.keys() != {"architecture"}:
        raise refusal("part", ", ".join(extra_files))
    path, kept = extra_files["architecture"], target / FILE_NAMES["architecture"]
    size = path.stat().st_size
    if size > min(limits.MAX_JSON_BYTES, config.upload_mib * 2**20):
        raise refusal("json-size", f"{size:,} bytes")
    _, head = _copy_and_hash(path, kept, size)
    file_types.check_content_type("architecture", head, size)
    check_config(parse_config(_read_json_bytes(kept)))
