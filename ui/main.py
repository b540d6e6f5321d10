"""Script that Streamlit runs for every visit: the frame, and the page that the address names."""

from ui.page_runner import run_page

run_page()
