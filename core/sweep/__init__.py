"""Sweeps: many models × formats × environments × machines, from a plan to a table of rows."""
