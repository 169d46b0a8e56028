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
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext, sync_playwright

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_TIMEZONE = "Asia/Shanghai"
_SETTLE_MS = 4000
_PATIENCE_S = 900.0
_STORY = """\
about = "A main breaks; a cloudburst follows"
air_temperature_c = 22.0

[[events]]
after_s = 20
what = "burst"
pipe = "CC-P-1084"
diameter_mm = 32

[[events]]
after_s = 60
what = "cloudburst"
city = "220100"
peak_mm_per_h = 150.0
minutes = 16.0
"""
_READY = "[data-alarm], [data-row], .ll-plot canvas, [data-leaf], .ll-empty, .empty, [data-about], [name='login']"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: who opens which page, how large; what is typed, then tapped before, and what must be there by then.

    Without a name nothing is taken: it only does what a later picture shows.
    """

    name: str
    who: str
    page: str
    size: tuple[int, int]
    taps: tuple[str, ...] = ()
    ready: str = _READY
    typed: tuple[tuple[str, str], ...] = ()


_PHONE = (412, 915)
SHOTS = (
    Shot("login-zh", "", "login", (1280, 720)),
    Shot("cities-zh", "operator", "zh", (1600, 900)),
    Shot("situation-zh", "operator", "zh?city=220100", (1600, 900)),
    Shot("situation-en", "operator", "en?city=220100", (1600, 900)),
    Shot("alarm-zh", "operator", "zh?city=220100&alarm={alarm}", (1600, 1200)),
    Shot("alarm-en", "operator", "en?city=220100&alarm={alarm}", (1600, 1200)),
    Shot("dispatched-zh", "operator", "zh?city=220100&alarm={alarm}", (1600, 1000), ("[data-action='dispatch']",)),
    Shot("phone-zh", "operator", "zh?city=220100", _PHONE),
    Shot("crew-zh", "crew", "zh/crew", _PHONE),
    Shot(
        "warden-zh", "warden", "zh/warden", _PHONE,
        ("[data-do='opened']", "[data-step='10']", "[data-step='10']", "[data-do='count']"),
    ),
    Shot("warden-en", "warden", "en/warden", _PHONE),
    Shot("history-zh", "operator", "zh/history", (1600, 600)),
    Shot("sensors-zh", "operator", "zh/sensors?city=220100", (1600, 900)),
    Shot("sensor-en", "operator", "en/sensors/CC-F-01?days=7", (1600, 900)),
    Shot("shelters-zh", "operator", "zh/shelters", (1600, 700)),
    Shot(
        "shelter-en", "operator", "en/shelters/CC-SH-02", (1600, 900),
        ("[data-action^='convert-']", "[data-confirm]", "[data-action^='task-']"),
    ),
    Shot("orders-zh", "operator", "zh/orders", (1600, 600), ready="[data-row]"),
    Shot("crews-zh", "operator", "zh/crews", (1600, 700)),
    Shot("zone-zh", "operator", "zh/zones/CC-DMA-1", (1600, 900)),
    Shot("report-zh", "operator", "zh/report", (1600, 900)),
    Shot("search-en", "operator", "en/search?q=Nanhu", (1600, 900)),
    Shot(
        "", "operator", "zh/evacuations/alarm-{alarm}", (1600, 700), ("[data-action='order']", "[data-confirm]"),
        ready="[data-number]", typed=(("[data-number]", "1000"), ("textarea", "爆管淹水，先转移低洼处居民")),
    ),
    Shot(
        "", "operator", "zh/sensors/CC-L-103", (1600, 900), ("[data-action='silence']", "[data-confirm]"),
        ready="[data-number]", typed=(("[data-number]", "8"), ("textarea", "更换变送器")),
    ),
    Shot("silences-zh", "operator", "zh/silences", (1600, 500), ready="[data-row]"),
    Shot("storms-zh", "operator", "zh/storms", (1600, 700), ready="[data-row]"),
    Shot("past-zh", "operator", "zh/past", (1600, 500), ready="[data-row]"),
    Shot("evacuation-zh", "operator", "zh/evacuations/1", (1600, 800), ready=".ll-sheet"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Demo:
    """A living demo: its console, the one-time links of its guests by role, its first alarm."""

    url: str
    links: dict[str, str]
    alarm: int


def main() -> None:
    """Starts a demo with a burst and a storm, waits for the first alarm, takes the pictures, stops the demo."""
    parser = argparse.ArgumentParser(description="take pictures of the console")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/screenshots"), help="where to put them")
    folder: Path = parser.parse_args().folder
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is missing -> apt-get install chromium fonts-noto-cjk")
    folder.mkdir(parents=True, exist_ok=True)
    with _demo() as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        people = {role: _entered(browser, link) for role, link in demo.links.items()}
        people[""] = browser.new_context(timezone_id=_TIMEZONE)
        for shot in SHOTS:
            _shoot(people[shot.who], f"{demo.url}/{shot.page.format(alarm=demo.alarm)}", folder, shot)
        browser.close()


def _entered(browser: Browser, link: str) -> BrowserContext:
    """A browser in which the guest of a one-time link is logged in."""
    context = browser.new_context(locale="zh-CN", timezone_id=_TIMEZONE)
    page = context.new_page()
    page.goto(link, timeout=_PATIENCE_S * 1000)
    page.click("form button")
    page.wait_for_url(re.compile(r"/zh"), timeout=_PATIENCE_S * 1000)
    page.close()
    return context


def _shoot(people: BrowserContext, url: str, folder: Path, shot: Shot) -> None:
    page, file = people.new_page(), folder / f"{shot.name}.png"
    page.set_viewport_size({"width": shot.size[0], "height": shot.size[1]})
    page.goto(url, timeout=_PATIENCE_S * 1000)
    page.wait_for_selector(shot.ready, timeout=_PATIENCE_S * 1000)
    for field, words in shot.typed:
        page.fill(field, words, timeout=_PATIENCE_S * 1000)
    for tap in shot.taps:
        page.click(tap, timeout=_PATIENCE_S * 1000)
    page.wait_for_timeout(_SETTLE_MS)  # the map draws its layers one after the other
    if shot.name:
        page.screenshot(path=file)
        print(f"screenshots: {file}", flush=True)
    page.close()


@contextmanager
def _demo() -> Iterator[Demo]:
    """The demo, once its first alarm is open; its lines are passed on."""
    with tempfile.TemporaryDirectory(prefix="lifeline-screenshots-") as data:
        story = Path(data) / "story.toml"
        story.write_text(_STORY, encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "lifeline", "demo", "--data", data, "--scenario", str(story)],
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
