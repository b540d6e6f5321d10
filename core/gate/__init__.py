"""The gate: what a file from outside must be before anything opens it. Pure Python, bounded, no model runtime."""
