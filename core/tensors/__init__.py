"""Numbers about stored tensors: statistics, matching, differences of trees. NumPy only."""
