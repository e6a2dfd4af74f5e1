"""Quix Streams, exactly-once: hourly means of each point, one state update a packet, those over a limit to a topic.

`python quix_peer.py BOOTSTRAP TOPIC PACKETS FOLDER`; run by an interpreter that has the extra `peers`. Prints one line of
JSON: packets, seconds from the first packet to the last, CPU seconds of the process meanwhile.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from quixstreams import Application

LIMITS = {"a21026": 35.0, "a21002": 100.0}
WINDOW, GRACE = timedelta(hours=1), timedelta(minutes=10)
COMMIT_EVERY_S = 5.0  # its default
IDLE_S = 30.0


class Meter:
    """Counts packets as they pass."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.count = 0
        self.began = self.began_cpu = self.took = self.cpu = 0.0

    def see(self, packet: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self.count:
            self.began, self.began_cpu = time.perf_counter(), time.process_time()
        self.count += 1
        if self.count == self.expected:
            self.took, self.cpu = time.perf_counter() - self.began, time.process_time() - self.began_cpu
        return packet


def event_time_ms(packet: Mapping[str, Any], _headers: object, _timestamp: float, _kind: object) -> int:
    return int(datetime.fromisoformat(packet["data_time"]).timestamp() * 1000)


def first(packet: Mapping[str, Any]) -> dict[str, list[float]]:
    """Sum and count of each factor."""
    return {code: [fields.get("Rtd", fields.get("Avg")), 1] for code, fields in packet["factors"].items()}


def added(sums: dict[str, list[float]], packet: Mapping[str, Any]) -> dict[str, list[float]]:
    for code, fields in packet["factors"].items():
        value = fields.get("Rtd", fields.get("Avg"))
        known = sums.get(code)
        if known is None:
            sums[code] = [value, 1]
        else:
            known[0] += value
            known[1] += 1
    return sums


def exceeds(window: Mapping[str, Any]) -> bool:
    return any(code in LIMITS and total > LIMITS[code] * count for code, (total, count) in window["value"].items())


def main(bootstrap: str, topic: str, packets: int, folder: str) -> None:
    application = Application(
        broker_address=bootstrap,
        consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_EVERY_S,
        state_dir=folder,
        loglevel="WARNING",
    )
    incoming = application.topic(
        topic, value_deserializer="json", key_deserializer="str", timestamp_extractor=event_time_ms
    )
    outgoing = application.topic(f"quix-over-{time.time_ns()}", value_serializer="json")
    meter = Meter(packets)
    stream = application.dataframe(incoming).apply(meter.see)
    means = stream.tumbling_window(WINDOW, grace_ms=GRACE).reduce(reducer=added, initializer=first).final()
    means.filter(exceeds).to_topic(outgoing)
    application.run(count=packets, timeout=IDLE_S)
    print(json.dumps({"packets": meter.count, "seconds": meter.took, "cpu_s": meter.cpu}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
