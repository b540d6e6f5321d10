"""Bad checkpoints: files that are missing, foreign, or of two checkpoints."""

from tests.factories.untrusted_files import (
    make_zip,
    register_invalid,
    single_file_upload,
)


def register_invalid_checkpoint(id_: str, rule: str, **members: bytes) -> None:
    register_invalid(
        f"checkpoint-{id_}",
        "checkpoint",
        rule,
        single_file_upload(make_zip({k.replace("__", "/"): v for k, v in members.items()}), "c.zip"),
    )


PAIR = {"ckpt-1.index": b"\xff" * 99, "ckpt-1.data-00000-of-00001": b"data"}
SECOND = {name.replace("1.", "2.", 1): content for name, content in PAIR.items()}
register_invalid_checkpoint("index-alone", "variables", **{"ckpt-1.index": b"x"})
register_invalid_checkpoint("index-noise", "variables", **PAIR)
register_invalid_checkpoint("shard-missing", "variables", **{"ckpt-1.index": b"x", "ckpt-1.data-00001-of-00002": b"y"})
register_invalid_checkpoint("absolute", "checkpoint-path", **PAIR, checkpoint=b'model_checkpoint_path: "/other"\n')
register_invalid_checkpoint("way-up", "checkpoint-path", **PAIR, checkpoint=b'model_checkpoint_path: "../other"\n')
register_invalid_checkpoint("two-and-no-word", "checkpoint-several", **PAIR, **SECOND)
register_invalid_checkpoint("program", "zip-member", **PAIR, **{"train.py": b"x"})
