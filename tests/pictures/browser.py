"""A real browser, without a window."""

import subprocess

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def document(page, folder, *flags):
    """What a page has become in the browser, as HTML."""
    command = ["chromium", *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, "--dump-dom", page.as_uri()]
    hangs = 600  # seconds: no page takes that long, however busy the machine
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=hangs).stdout
