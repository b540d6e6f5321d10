"""The tasks of a child: one module per group of tasks, and their registry."""
