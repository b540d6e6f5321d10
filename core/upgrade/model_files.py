"""The files of one model, laid out as those of a proof kit, and the kits that are asked with them."""

import hashlib
import json
import shutil
import zipfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from core.arrays import Arrays, encode_npz
from core.environments.kits import KIT_FILE, Kit
from core.library.storage import size_on_disk
from core.runtimes.keras_file_settings import CONFIG_FILE
from core.runtimes.zip_member import replace_zip_member
from core.validation.members import ARCHITECTURE_FILE

ARTIFACT_FOLDER = "artifact"
KERAS_FILE = "model.keras"
COMPILING_FORMATS = ("keras", "h5")  # which hold how the model is trained


@dataclass(frozen=True)
class ModelFiles:
    """One model on the disk, in a folder of ours.

    Attributes:
        folder: Holds `artifact` with the model's own files, and of a copy of the library what else its kit has.
        format: The key of its format.
        sha256: Of what it is, and of what it is asked with.
        is_untrusted: Whether it came from outside.
        inputs: What it is asked; None where that is drawn.
        compiles: Whether it is loaded with what it says of its training, as by default.
        remarks: What was found where it lay, in sentences.
    """

    folder: Path
    format: str
    sha256: str
    is_untrusted: bool = True
    inputs: Arrays | None = None
    compiles: bool = True
    remarks: tuple[str, ...] = ()

    @property
    def artifact(self) -> Path:
        return self.folder / ARTIFACT_FOLDER

    def with_compile(self, compiles: bool) -> Self:
        return replace(self, compiles=compiles)

    def kit(self, inputs: Arrays | None = None, expected: Arrays | None = None, **asks: Any) -> Kit:
        """Return the kit of this model with these inputs, and the predictions that are expected of it.

        With `rows` instead of inputs it is the kit that was asked what the model takes: what is loaded serves both.
        """
        packed = encode_npz(inputs) if inputs is not None else None
        compiles = self.compiles and self.format in COMPILING_FORMATS
        parts = f"{self.sha256} {self.format} {compiles}".encode() + (packed or b"")
        return Kit(
            identity=hashlib.sha256(parts).hexdigest()[:16],
            format=self.format,
            expected=expected,
            write=partial(self._write, packed, compiles),
            bytes=size_on_disk(self.artifact),
            is_untrusted=self.is_untrusted,
            **asks,
        )

    def _write(self, inputs: bytes | None, compiles: bool, folder: Path) -> None:
        shutil.copytree(self.folder, folder)
        if inputs is not None:
            (folder / "inputs.npz").write_bytes(inputs)
        facts = {"schema": 1, "format": self.format, "compile": compiles}
        (folder / KIT_FILE).write_text(json.dumps(facts), encoding="utf-8")

    def read_config(self) -> str | None:
        """Return the text of its Keras config, where it lies in the open; None elsewhere."""
        return read_config(self.format, self.artifact)

    def write_config(self, text: str, folder: Path) -> "ModelFiles":
        """Copy the model into a folder that does not exist yet, with another config. Only where `read_config` gives
        one."""
        shutil.copytree(self.folder, folder)
        copy = replace(self, folder=folder, sha256=hashlib.sha256(f"{self.sha256} {text}".encode()).hexdigest())
        if self.format == "keras":
            replace_zip_member(copy.artifact / KERAS_FILE, CONFIG_FILE, text.encode())
        else:
            (copy.artifact / ARCHITECTURE_FILE).write_text(text, encoding="utf-8")
        return copy


def read_config(format_key: str, folder: Path) -> str | None:
    """Return the text of the Keras config of a model's own files, where it lies in the open; None elsewhere."""
    if format_key == "keras":
        with zipfile.ZipFile(folder / KERAS_FILE) as archive:
            return archive.read(CONFIG_FILE).decode("utf-8")
    path = folder / ARCHITECTURE_FILE
    return path.read_text(encoding="utf-8") if format_key == "weights" and path.is_file() else None
