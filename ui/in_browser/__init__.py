"""Copies that answer in the visitor's own browser, beside the server's answers, and the verdict on them."""
