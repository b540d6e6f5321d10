"""What runs in a child to look into the files of a copy: one reader for each kind of file, and what is asked."""
