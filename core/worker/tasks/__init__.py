"""What a child can be asked to do: one module per group of tasks, and their registry."""
