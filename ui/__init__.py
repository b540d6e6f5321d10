"""Streamlit layer: what the pages share. Nothing here imports TensorFlow, and nothing in core imports this."""
