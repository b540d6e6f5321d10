"""Where the bytes of an artifact go."""
