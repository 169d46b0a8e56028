"""`python -m deploy.screenshots [FOLDER]`: pictures of the console over a living demo, by language and on a phone."""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, sync_playwright

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_SETTLE_MS = 4000
_PATIENCE_S = 60.0
_SHOTS: tuple[Any, ...] = (
    ("login-zh", "", "login", 1280, 720),
    ("cities-zh", "operator", "zh", 1600, 900),
    ("situation-zh", "operator", "zh?city=220100", 1600, 900),
    ("situation-en", "operator", "en?city=220100", 1600, 900),
    ("alarm-zh", "operator", "zh?city=220100&alarm={alarm}", 1600, 1200),
    ("alarm-en", "operator", "en?city=220100&alarm={alarm}", 1600, 1200),
    ("dispatched-zh", "operator", "zh?city=220100&alarm={alarm}", 1600, 1000, "[data-action='dispatch']"),
    ("history-zh", "operator", "zh/history", 1600, 600),
    ("sensors-zh", "operator", "zh/sensors?city=220100", 1600, 900),
    ("sensor-en", "operator", "en/sensors/CC-F-01?days=7", 1600, 900),
    ("shelters-zh", "operator", "zh/shelters", 1600, 700),
    ("shelter-en", "operator", "en/shelters/CC-SH-01", 1600, 800),
    ("orders-zh", "operator", "zh/orders", 1600, 600),
    ("crews-zh", "operator", "zh/crews", 1600, 700),
    ("zone-zh", "operator", "zh/zones/CC-DMA-1", 1600, 900),
    ("storms-zh", "operator", "zh/storms", 1600, 700),
    ("report-zh", "operator", "zh/report", 1600, 900),
    ("search-en", "operator", "en/search?q=CC", 1600, 900),
    ("phone-zh", "operator", "zh?city=220100", 412, 915),
    ("crew-zh", "crew", "zh/crew", 412, 915),
    ("warden-zh", "warden", "zh/warden", 412, 915, "[data-do='opened']", "[data-step='10']", "[data-do='count']"),
    ("warden-en", "warden", "en/warden", 412, 915),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """A living demo: its console, the one-time links of its guests by role, its first alarm."""

    url: str
    links: dict[str, str]
    alarm: int


def main() -> None:
    """Starts a demo with a burst, waits for the first alarm, takes the pictures, stops the demo."""
    parser = argparse.ArgumentParser(description="take pictures of the console")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/screenshots"), help="where to put them")
    folder: Path = parser.parse_args().folder
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is missing -> apt-get install chromium fonts-noto-cjk")
    folder.mkdir(parents=True, exist_ok=True)
    with _demo() as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        people = {"": browser.new_context()} | {role: _entered(browser, link) for role, link in demo.links.items()}
        for name, who, page, width, height, *taps in _SHOTS:
            path = page.format(alarm=demo.alarm)
            _shoot(people[who], f"{demo.url}/{path}", folder / f"{name}.png", width, height, taps)
        browser.close()


def _entered(browser: Browser, link: str) -> BrowserContext:
    """A browser in which the guest of a one-time link is logged in."""
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(link, timeout=_PATIENCE_S * 1000)
    page.click("form button")
    page.wait_for_url(re.compile(r"/zh"), timeout=_PATIENCE_S * 1000)
    page.close()
    return context


def _shoot(people: BrowserContext, url: str, file: Path, width: int, height: int, taps: Sequence[str]) -> None:
    page = people.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.goto(url, timeout=_PATIENCE_S * 1000)
    page.wait_for_selector(
        "[data-alarm], [data-row], .ll-plot canvas, [data-leaf], .ll-empty, .empty, [data-about], [name='login']",
        timeout=_PATIENCE_S * 1000,
    )
    for tap in taps:
        page.click(tap, timeout=_PATIENCE_S * 1000)
    page.wait_for_timeout(_SETTLE_MS)  # the map draws its layers one after the other
    page.screenshot(path=file)
    page.close()
    print(f"screenshots: {file}", flush=True)


@contextmanager
def _demo() -> Iterator[Demo]:
    """The demo, once its first alarm is open; its lines are passed on."""
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


def _address_at_first_alarm(process: "subprocess.Popen[str]") -> Demo:
    assert process.stdout is not None
    address, links = "", {}
    for line in process.stdout:
        print(line, end="", flush=True)
        if match := re.search(r"console\s+(http://\S+)", line):
            address = match[1]
        if match := re.search(r"as (\w+)\s+(http://\S+/enter/\S+)", line):
            links[match[1]] = match[2]
        if match := re.search(r"alarm (\d+) open ", line):
            _wait_for(address)
            return Demo(address, links, int(match[1]))
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
