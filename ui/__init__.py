"""Streamlit's side of the wall: what the pages share. Nothing here knows TensorFlow, and nothing in core knows this."""
