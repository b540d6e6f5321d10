"""Text for people: labels, metrics, summaries."""
