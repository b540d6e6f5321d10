"""What each format keeps: findings about one copy, and the table of all formats."""
