"""`python -m deploy.screenshots [FOLDER]`: pictures of the console over a living demo, by language and on a phone."""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_SETTLE_MS = 4000
_PATIENCE_S = 60.0
_SHOTS = (
    ("cities-zh", "zh", 1600, 900),
    ("situation-zh", "zh?city=220100", 1600, 900),
    ("situation-en", "en?city=220100", 1600, 900),
    ("alarm-zh", "zh?city=220100&alarm=1", 1600, 1200),
    ("alarm-en", "en?city=220100&alarm=1", 1600, 1200),
    ("history-zh", "zh/history", 1600, 600),
    ("sensors-zh", "zh/sensors?city=220100", 1600, 900),
    ("sensor-en", "en/sensors/CC-F-01?days=7", 1600, 900),
    ("phone-zh", "zh?city=220100", 412, 915),
)


def main() -> None:
    """Starts a demo with a burst, waits for the first alarm, takes the pictures, stops the demo."""
    parser = argparse.ArgumentParser(description="take pictures of the console")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/screenshots"), help="where to put them")
    folder: Path = parser.parse_args().folder
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is missing -> apt-get install chromium fonts-noto-cjk")
    folder.mkdir(parents=True, exist_ok=True)
    with _demo() as console_url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        for name, page, width, height in _SHOTS:
            _shoot(browser, f"{console_url}/{page}", folder / f"{name}.png", width, height)
        browser.close()


def _shoot(browser: Browser, url: str, file: Path, width: int, height: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(url, timeout=_PATIENCE_S * 1000)
    page.wait_for_selector("[data-alarm], [data-row], .ll-plot canvas", timeout=_PATIENCE_S * 1000)
    page.wait_for_timeout(_SETTLE_MS)  # the map draws its layers one after the other
    page.screenshot(path=file)
    page.close()
    print(f"screenshots: {file}", flush=True)


@contextmanager
def _demo() -> Iterator[str]:
    """The console's address, once the first alarm is open; the demo's lines are passed on."""
    with tempfile.TemporaryDirectory(prefix="lifeline-screenshots-") as data:
        process = subprocess.Popen(
            [sys.executable, "-m", "lifeline", "demo", "--data", data, "--scenario", "burst"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "LIFELINE_CONSOLE__PORT": "0", "COLUMNS": "160"},
        )
        try:
            yield _address_at_first_alarm(process)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def _address_at_first_alarm(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    address = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        if match := re.search(r"console\s+(http://\S+)", line):
            address = match[1]
        if re.search(r"alarm \d+ open ", line):
            _wait_for(address)
            return address
    sys.exit("the demo ended before its first alarm -> its last lines above say why")


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            httpx.get(f"{address}/api/v1/health", timeout=5)
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                sys.exit(f"the console at {address} does not answer -> see its log in the demo's data folder")
            time.sleep(0.2)


if __name__ == "__main__":
    main()
