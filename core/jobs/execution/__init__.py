"""How jobs are done: by threads of this process, or by the workers of a team."""
