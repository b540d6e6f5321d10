"""What stands in an artifact, and how two artifacts differ, asked of a child."""
