"""Sweeps: many models times formats, environments and machines, row by row."""
