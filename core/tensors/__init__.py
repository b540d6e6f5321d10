"""Stored tensors and documents in numbers: statistics, matching, differences. NumPy only."""
