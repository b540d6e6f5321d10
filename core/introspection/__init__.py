"""What an artifact holds, and how two artifacts differ, read in a child."""
