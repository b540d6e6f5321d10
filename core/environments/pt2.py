"""PyTorch with Keras as it is here: what exported programs of PyTorch are written and read with."""

from core.environments.base import TORCH_LEAVES_OUT, TORCH_REQUIREMENTS, Environment

ENVIRONMENT = Environment(
    key="pt2",
    label="PyTorch 2.13",
    requirements=TORCH_REQUIREMENTS,
    takes=frozenset({"pt2"}),
    script="torch_pt2",
    megabytes=3860,
    good_for="Exported programs of PyTorch (.pt2), which it runs without Keras.",
    lock="torch",
    leaves_out=TORCH_LEAVES_OUT,
    variables={"KERAS_BACKEND": "torch"},
)
