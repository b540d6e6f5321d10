"""Parts of the Sweep page: what is swept, how much that is, and the table that fills while it runs."""
