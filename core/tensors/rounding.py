"""Round a layer's kernel to fewer bits, each column to whole multiples of a step of its own."""

import numpy as np

FLOAT_BITS = (32, 16)  # bit widths of floats; others are of whole numbers


def round_to_bits(kernel: np.ndarray, bits: int) -> np.ndarray:
    """Return a kernel as it comes back from a file with so many bits a number.

    With 32 bits it is unchanged, with 16 rounded to half precision. With fewer, column c is rounded to multiples of
    max|kernel[:, c]| / (2^(bits-1) - 1), as Keras quantises Dense kernels (keras.quantizers.abs_max_quantize).

    Args:
        kernel: float32 (rows, columns).
        bits: 32, 16, or 2 to 8.
    """
    if bits == 32:
        return kernel
    if bits == 16:
        return kernel.astype("float16").astype("float32")
    largest = np.abs(kernel).max(axis=0, keepdims=True)
    step = (largest / (2 ** (bits - 1) - 1)).astype("float32")
    step[step == 0] = 1
    return (np.round(kernel / step) * step).astype("float32")


def stored_bytes(kernel: np.ndarray, bits: int) -> int:
    """Return the bytes that a kernel (rows, columns) takes with so many bits a number, with its steps (float32)."""
    steps = 0 if bits in FLOAT_BITS else 4 * kernel.shape[1]
    return -(-kernel.size * bits // 8) + steps
