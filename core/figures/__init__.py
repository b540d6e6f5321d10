"""Plotly figures of comparisons and tensors; pages and reports draw the same.

Importing any of these modules but `images` loads Plotly, which takes a third of a second.
"""
