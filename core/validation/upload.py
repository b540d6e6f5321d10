"""Validate one upload and lay it out under the file names that the matching format uses."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from core.errors import StorageFailed, cleanup_on_error
from core.runtimes.shards import INDEX_FILE
from core.settings import MB, Settings
from core.validation import file_types, limits, members, mlflow_folders
from core.validation.archives import UntrustedFolder, UntrustedZip
from core.validation.file_types import display_file_name
from core.validation.keras_config import check_config, parse_config
from core.validation.members import ARCHITECTURE_FILE, CHECKPOINT_STATE_FILE, SHARD_INDEX_ENDING
from core.validation.rules import refusal

BLOCK = 1 << 20
KERAS_REQUIRED = ("config.json", "metadata.json", "model.weights.h5")
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
    """Validate one upload, a file or a folder, and lay its files out in an empty folder.

    Args:
        name: What the upload was called where it comes from.
        target: The empty folder; it is empty again when an error is raised.
        extra_files: Further files by what they are: the "architecture" of weights.

    Raises:
        Refused: The upload breaks a rule.
        StorageFailed: It could not be read or copied.
    """
    with cleanup_on_error(lambda: _clear_folder(target)):
        try:
            return _validate(Path(upload), name, target, config, extra_files or {})
        except OSError as error:
            sentence = "The file could not be read, or there is no room for what is in it."
            cure = "Free some space, then try again."
            raise StorageFailed(sentence, cure=cure, detail=error.strerror or "") from error


def _clear_folder(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _validate(
    upload: Path, name: str, target: Path, config: Settings, extra_files: Mapping[str, Path]
) -> ValidatedUpload:
    max_bytes = config.unpacked_mb * MB
    if upload.is_symlink() or not (upload.is_dir() or upload.is_file()):
        raise refusal("not-a-file")
    if upload.is_dir():
        format_, remarks = _validate_folder(upload, target, max_bytes)
        digest = _hash_folder(target)
    else:
        if name.casefold().endswith(SHARD_INDEX_ENDING):
            raise refusal("shard-missing", "the index alone")
        file_type = _type_of(name, extra_files)
        if (size := upload.stat().st_size) > config.upload_mb * MB:
            raise refusal("too-large", f"{size:,} bytes, of at most {config.upload_mb * MB:,}")
        copy = target / file_type.stored_name
        digest = _copy_checked(upload, copy, file_type, size)
        format_, remarks = _validate_file(file_type.kind, copy, target, max_bytes)
    if extra_files:
        _add_architecture(format_, extra_files, target, config)
    return ValidatedUpload(format_, display_file_name(name), digest, remarks)


def _type_of(name: str, extra_files: Mapping[str, Path]) -> file_types.FileType:
    """Return the type of a file; `.h5` with an architecture beside it is weights, as Keras 2 saved them."""
    file_type = file_types.type_from_name(name)
    is_weights = file_type.kind == "h5" and "architecture" in extra_files
    return file_types.FILE_TYPES[".weights.h5"] if is_weights else file_type


def _copy_checked(upload: Path, copy: Path, file_type: file_types.FileType, size: int) -> str:
    """Copy a file of so many bytes while hashing, so that what is checked is what was hashed; returns the hash."""
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
    file_types.check_content_type(file_type, head, size)
    return digest.hexdigest()


def _validate_file(kind: str, copy: Path, target: Path, max_bytes: int) -> tuple[str, list[str]]:
    if kind != "zip":
        _check_file(kind, copy, max_bytes)
        return kind, []
    with copy.open("rb") as stream:
        layout = _lay_out_members(UntrustedZip(stream, copy.stat().st_size, max_bytes), target, max_bytes)
    copy.unlink()
    return layout


def _check_file(kind: str, path: Path, max_bytes: int) -> None:
    """Check one file by itself: that its content is what its name says, and what stands in it."""
    with path.open("rb") as stream:
        file_type = next(known for known in file_types.FILE_TYPES.values() if known.kind == kind)
        file_types.check_content_type(file_type, stream.read(file_types.HEAD_BYTES), path.stat().st_size)
    if kind == "architecture":
        _check_architecture(path)
    if kind == "keras":
        _validate_keras_archive(path, max_bytes)


def _check_architecture(path: Path) -> None:
    if (size := path.stat().st_size) > limits.MAX_JSON_BYTES:
        raise refusal("json-size", f"{size:,} bytes")
    check_config(parse_config(path.read_bytes()))


def _validate_keras_archive(path: Path, max_bytes: int) -> None:
    """Check the members of a .keras file, which stays as it is; each is unpacked once in passing."""
    with path.open("rb") as stream:
        archive = UntrustedZip(stream, path.stat().st_size, max_bytes)
        names = {name: name for name in archive.sizes}
        members.check_members(names, file_types.KERAS_MEMBERS, KERAS_REQUIRED)
        parse_config(archive.read("metadata.json"))
        check_config(parse_config(archive.read("config.json")))
        for name in names:
            archive.test(name)


def _validate_folder(upload: Path, target: Path, max_bytes: int) -> tuple[str, list[str]]:
    folder = UntrustedFolder(upload, max_bytes)
    if not folder.sizes:
        raise refusal("empty")
    return _lay_out_members(folder, target, max_bytes)


def _lay_out_members(files: UntrustedZip | UntrustedFolder, target: Path, max_bytes: int) -> tuple[str, list[str]]:
    """Unpack what is in a zip or folder under our names; returns the format, and remarks."""
    kind, names = members.detect_packed_kind(files)
    remarks = [] if len(names) == len(files.sizes) else _describe_skipped(files)
    if kind == "onnx":
        names = members.choose_onnx_files(names)
    if kind == "saved_model":
        members.check_saved_model_members(names)
        names = {name: packed for name, packed in names.items() if not name.startswith("assets.extra/")}
    if kind == "openvino":
        names = members.choose_openvino_files(names)
    if kind == "checkpoint":
        if (count := sum(name.endswith(".index") for name in names)) > 1:
            remarks.append(f"Of {count} checkpoints, the latest one was taken.")
        state = names.get(CHECKPOINT_STATE_FILE)
        text = None if state is None else files.read(state).decode("utf-8", "replace")
        names = members.choose_checkpoint(names, text)
        own_state = 'model_checkpoint_path: "model"\nall_model_checkpoint_paths: "model"\n'
        (target / CHECKPOINT_STATE_FILE).write_text(own_state)
    if kind == "weights_sharded":
        index_name = members.find_shard_index(names)
        names, index = members.choose_shards(names, index_name, files.read(names[index_name]))
        (target / INDEX_FILE).write_bytes(index)
    for name, packed in names.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        files.copy(packed, target / name)
    if kind in file_types.FILE_NAMES:
        _check_file(kind, target / file_types.FILE_NAMES[kind], max_bytes)
    elif ARCHITECTURE_FILE in names:
        _check_architecture(target / ARCHITECTURE_FILE)
    return kind, remarks


def _describe_skipped(files: UntrustedZip | UntrustedFolder) -> list[str]:
    """Say what was left out: files of an operating system, or those that MLflow keeps beside a model."""
    names = members.list_names(files)
    if not mlflow_folders.find_model(names):
        return [SKIPPED_FILES_REMARK]
    packed = names[mlflow_folders.RECORD]
    record = files.read(packed) if files.sizes[packed] <= limits.MAX_JSON_BYTES else b""
    return mlflow_folders.describe_folder(names, record)


def _hash_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as stream:
            inner = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{inner}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


def _add_architecture(format_: str, extra_files: Mapping[str, Path], target: Path, config: Settings) -> None:
    """Lay the architecture of weights beside them, checked as one that comes alone."""
    if format_ not in ("weights", "weights_sharded") or extra_files.keys() != {"architecture"}:
        raise refusal("part", ", ".join(extra_files))
    file_type = file_types.FILE_TYPES[".json"]
    path, copy = extra_files["architecture"], target / file_type.stored_name
    if (size := path.stat().st_size) > min(limits.MAX_JSON_BYTES, config.upload_mb * MB):
        raise refusal("json-size", f"{size:,} bytes")
    _copy_checked(path, copy, file_type, size)
    _check_architecture(copy)
