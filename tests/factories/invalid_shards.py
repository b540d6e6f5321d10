"""Weights in shards that must not be let in: an index and files that do not belong together."""

import json

from tests.factories.untrusted_files import (
    make_hdf5,
    make_zip,
    register_invalid,
    sequential_config,
    single_file_upload,
    to_json_bytes,
    write_dense_weights,
)

SHARD = make_hdf5(write_dense_weights)


def make_index(**places: object) -> bytes:
    """An index that says in which file each group of arrays is; "__" stands for "/"."""
    return json.dumps({"weight_map": {name.replace("__", "/"): place for name, place in places.items()}}).encode()


INDEX = make_index(__layers__dense__vars="model_00000.weights.h5")


def register_invalid_shards(id_: str, rule: str, index: bytes, *shards: str, **more: bytes) -> None:
    members = {"model.weights.json": index, **dict.fromkeys(shards, SHARD), **more}
    register_invalid(f"shards-{id_}", "weights_sharded", rule, single_file_upload(make_zip(members), "shards.zip"))


register_invalid(
    "shards-index-alone", "weights_sharded", "shard-missing", single_file_upload(INDEX, "model.weights.json")
)
register_invalid_shards("one-missing", "shard-missing", INDEX, "model_00001.weights.h5")
register_invalid_shards(
    "group-missing",
    "shard-missing",
    make_index(__layers__dense_1__vars=["model_00000.weights.h5"]),
    "model_00000.weights.h5",
    **{"architecture.json": to_json_bytes(sequential_config())},
)
register_invalid_shards("no-map", "shard-index", b"{}", "model_00000.weights.h5")
register_invalid_shards(
    "way-up", "shard-index", make_index(__vars="../model_00000.weights.h5"), "model_00000.weights.h5"
)
register_invalid_shards("a-number", "shard-index", make_index(__vars=7), "model_00000.weights.h5")
register_invalid_shards("program", "zip-member", INDEX, "model_00000.weights.h5", **{"train.py": b"x"})
