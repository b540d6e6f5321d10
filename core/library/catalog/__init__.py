"""The catalog: an SQL index of the folders that can be rebuilt at any time."""
