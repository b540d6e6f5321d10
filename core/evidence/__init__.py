"""Evidence: what the reload of a copy in a fresh process showed, and how its tensors are matched with the run's."""
