"""Pages in a browser, Chromium: a survey of them writes what it finds as JSON into an element named found."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def look(survey, profile, milliseconds=5000):
    """What a survey finds, and the lines that the browser logs.

    Args:
        survey: the file.
        profile: a folder for the browser's own files.
        milliseconds: the time on the survey's clock that it takes at most.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"expected one of {', '.join(BROWSERS)}; got none. Install Chromium to test pages in it.")
    options = ["--headless", "--disable-gpu", "--allow-file-access-from-files", "--enable-logging=stderr"]
    options += [f"--user-data-dir={profile}", f"--virtual-time-budget={milliseconds}", "--dump-dom"]
    options += ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [browser, *options, survey.as_uri()]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    (found,) = re.findall(r'<pre id="found">(.*?)</pre>', ended.stdout, re.S)
    return json.loads(html.unescape(found)), [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
