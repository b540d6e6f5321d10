"""Comparison of copies: the job, its predictions and its result."""
