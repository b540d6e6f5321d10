"""The commands, in a module for each of their kinds; `core.__main__` puts them together."""
