"""Silence: said once per device, once for many, and over when they speak again."""

import json
from dataclasses import replace

import numpy as np

from detect.instant import instant
from detect.port import Batch, Scope
from detect.silence import SilenceDetector
from lifeline.finding import Finding
from tests.detect_scene import START_S, TIMEZONE, depth_sensor


def detector_of(devices: int, *, sensors_each: int = 1, interval_s: float = 10.0) -> SilenceDetector:
    sensors = []
    for d in range(devices):
        for s in range(sensors_each):
            one = depth_sensor(f"S-{d}-{s}", interval_s=interval_s)
            sensors.append(replace(one, device_id=f"D-{d}"))
    return SilenceDetector(Scope("220100", TIMEZONE, tuple(sensors)))


def spoke(numbers: list[int], at_s: list[float]) -> Batch:
    order = sorted((t, n) for n in numbers for t in at_s)
    return Batch(np.array([n for _, n in order], dtype=np.intp), np.array([t for t, _ in order]), np.zeros(len(order)))


def said(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.subject, f.phase.value, f.reason) for f in findings]


MINUTE = [START_S + 10.0 * n for n in range(7)]


def test_a_device_is_silent_after_three_intervals_and_heard_again() -> None:
    detector = detector_of(3)
    assert detector.step(spoke([0, 1, 2], MINUTE), instant(START_S + 60.0)) == []
    later = [START_S + 10.0 * n for n in range(7, 20)]
    assert detector.step(spoke([0, 1], later[:5]), instant(START_S + 115.0)) == []
    found = detector.step(spoke([0, 1], later[5:]), instant(START_S + 190.0))
    assert said(found) == [("silent:D-2", "onset", "device-silent")]
    assert found[0].began_at == instant(START_S + 60.0)
    assert found[0].explanation["limit_s"] == {"S-2-0": 60.0}
    state = json.loads(json.dumps(detector.state(), allow_nan=False))
    detector = detector_of(3)
    detector.restore(None, state)
    assert detector.step(spoke([0, 1], [START_S + 195.0]), instant(START_S + 196.0)) == []
    again = detector.step(spoke([0, 1, 2], [START_S + 200.0]), instant(START_S + 200.0))
    assert said(again) == [("silent:D-2", "end", "heard-again")]


def test_one_of_a_devices_sensors_is_told_apart_from_the_device() -> None:
    detector = detector_of(2, sensors_each=2)
    detector.step(spoke([0, 1, 2, 3], MINUTE), instant(START_S + 60.0))
    later = [START_S + 10.0 * n for n in range(7, 40)]
    found = detector.step(spoke([0, 2, 3], later), instant(START_S + 390.0))
    assert said(found) == [("silent:D-0", "onset", "sensor-silent")]
    assert found[0].sensor_ids == ("S-0-1",)
    rest = detector.step(spoke([2, 3], [t + 330.0 for t in later]), instant(START_S + 720.0))
    assert said(rest) == [("silent:D-0", "update", "device-silent")]


def test_three_hundred_at_once_are_one_finding() -> None:
    detector = detector_of(300)
    everybody = list(range(300))
    detector.step(spoke(everybody, MINUTE), instant(START_S + 60.0))
    found = detector.step(spoke([], []), instant(START_S + 300.0))
    assert said(found) == [("silent:city:220100", "onset", "many-devices-silent")]
    assert found[0].explanation["silent_devices"] == 300
    assert detector.step(spoke([], []), instant(START_S + 400.0)) == []
    back = spoke(everybody[:298], [START_S + 410.0 + 10.0 * n for n in range(4)])
    assert said(detector.step(back, instant(START_S + 440.0))) == [
        ("silent:city:220100", "end", "heard-again"),
        ("silent:D-298", "onset", "device-silent"),
        ("silent:D-299", "onset", "device-silent"),
    ]


def test_who_was_never_heard_or_reports_seldom_is_not_silent() -> None:
    detector = detector_of(2)
    seldom = [START_S + 300.0 * n for n in range(10)]
    assert detector.step(spoke([0], seldom), instant(START_S + 300.0 * 9 + 290.0)) == []
