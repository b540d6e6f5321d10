"""Pages without a browser."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.library import Library
from core.library import integrity as checking
from core.settings import PROJECT


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch):
    """A function that opens a page over the given jobs, with ids in its address."""

    def open_page(jobs: Jobs, page: str, /, **address: str) -> AppTest:
        st.cache_resource.clear()
        st.cache_data.clear()
        monkeypatch.setattr("ui.session.Jobs", lambda: jobs)
        app = AppTest.from_file(str(PROJECT / "ui" / "main.py"), default_timeout=60)
        app.query_params.update(address)
        with monkeypatch.context() as patch:  # the first run only registers the pages: nobody looks at Home
            patch.setattr(StreamlitPage, "run", lambda _: None)
            app.run()
        app.switch_page(str(PROJECT / "pages" / f"{page}.py"))
        return app.run()

    yield open_page
    st.cache_resource.clear()


@pytest.fixture
def library(empty_library: Library, monkeypatch: pytest.MonkeyPatch) -> Library:
    """A library that the routes serve, and files whose checks are remembered although they are new."""

    class Office:
        library = empty_library

    monkeypatch.setattr("ui.routes.endpoints.current_jobs", lambda: Office)
    monkeypatch.setattr(checking, "CLOCK_TICK", 0)
    return empty_library


@pytest.fixture
def own_jobs(empty_jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """Jobs over an empty library and an empty cache of environments."""
    monkeypatch.setattr(empty_jobs, "config", empty_jobs.config.model_copy(update={"environments": tmp_path}))
    return empty_jobs
