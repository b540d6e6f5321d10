"""What the jobs do: one module for each kind of job, called with the Jobs that started it and its Handle."""
