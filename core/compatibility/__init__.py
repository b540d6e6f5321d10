"""What each format keeps: findings about one artifact, and the matrix of all formats."""
