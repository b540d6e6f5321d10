"""All bad inputs: whoever imports them from here has them from every module that makes some."""

from tests.factories import (
    invalid_checkpoints,
    invalid_hdf5_files,
    invalid_keras_configs,
    invalid_keras_files,
    invalid_runtime_files,
    invalid_saved_models,
    invalid_shards,
)
from tests.factories.untrusted_files import INVALID_UPLOADS

MAKERS = (
    invalid_keras_files,
    invalid_keras_configs,
    invalid_hdf5_files,
    invalid_saved_models,
    invalid_checkpoints,
    invalid_runtime_files,
    invalid_shards,
)

__all__ = ["INVALID_UPLOADS", "MAKERS"]
