"""Each speed that we claim, measured beside what a user would use instead. Run with `python -m benchmarks`."""
