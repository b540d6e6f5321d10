"""Finds a Chromium, and as a command (`python -m tests.browser.chromium`) gets one where there is none.

Chromium's headless shell first: the same engine without a browser's own windows, a quarter less to compute. Else an
installed Chrome or Chromium; else Playwright's own; else Debian's package.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

BROWSER_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
USUAL_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
# No call home: a test that says "no request leaves the machine" must not be spoilt by the browser itself.
BROWSER_ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--js-flags=--no-opt",  # code that runs a few times is not worth optimising: a fifth less to compute
]
if hasattr(os, "geteuid") and os.geteuid() == 0:
    BROWSER_ARGUMENTS.append("--no-sandbox")


def find_browser() -> str | None:
    """The path of a browser that can be driven, or None."""
    for name in BROWSER_NAMES:
        if path := shutil.which(name):
            return path
    return next((path for path in USUAL_PATHS if Path(path).exists()), None) or _playwright_browser()


def _playwright_browser() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:  # this Python is not that of the tests, which begins to be installed at the same time
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if path and Path(path).exists() else None


def find_or_install_browser() -> str:
    """The path of a browser, installed now where there was none. Raises SystemExit in words when none can be had."""
    for attempt in (
        [],
        [sys.executable, "-m", "playwright", "install", "chromium"],
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "chromium-headless-shell"],
        ["apt-get", "install", "-y", "-qq", "chromium"],
    ):
        if attempt and shutil.which(attempt[0]):
            print("Getting a browser for the tests:", " ".join(attempt[-2:]), flush=True)
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(attempt, check=False, timeout=600, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if path := find_browser():
            return path
    raise SystemExit("The tests need a browser: install Chrome or Chromium, then run `make test` again.")


if __name__ == "__main__":
    print(find_or_install_browser())
