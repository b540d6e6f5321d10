"""What is said of the inside of artifacts, and of two of them beside each other: numbers and trees, NumPy only."""
