"""ExecuTorch, PyTorch's runtime for phones and small devices, which lowers exported programs first."""

from core.environments.base import TORCH_LEAVES_OUT, Environment

ENVIRONMENT = Environment(
    key="executorch",
    label="ExecuTorch 1.5",
    requirements=("executorch==1.5.1", "torch==2.13.0"),
    takes=frozenset({"pt2"}),
    script="pt2_executorch",
    megabytes=3911,
    good_for="PyTorch programs on phones and small devices, lowered to the kernels of XNNPACK.",
    leaves_out=(
        *TORCH_LEAVES_OUT,
        # For Apple's devices, language models, tests and command lines alone.
        *("coremltools", "pytorch-tokenizers", "hydra-core", "omegaconf", "huggingface-hub", "pandas", "scikit-learn"),
        *("expecttest", "hypothesis", "kgb", "parameterized", "py-cpuinfo", "requests", "tqdm"),
    ),
)
