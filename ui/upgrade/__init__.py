"""Parts of the Upgrade page: the models, the two environments, the jobs, and what became of each model."""
