"""HJ 212 frames over TCP: published samples and good frames of a registered point, changed within their checksum or without."""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import httpx

from shared.hj212.reply import LONGEST_SEGMENT, encode
from tests.conftest import DATA
from tests.fuzz.inputs import Broken, Input
from tests.fuzz.mutations import NUMBERS, ODD_TEXTS, bytes_mutated, nested
from tests.fuzz.oracle import Oracle
from tests.fuzz.site import FOREIGN, GUARDED, TARGET, Site
from tests.fuzz.sockets import exchanged
from tests.support.product import frame, last_hour, stamp

ANSWER_S = 10.0  # by then a connection that we have ended is closed
ANSWERED = re.compile(rb"CN=(\d{4})")
COUNTED = re.compile(r'^yujing_ingest_packets_total\{.*"gateway".*outcome="(.*)"\} ([0-9.e+]+)$', re.M)
COMMANDS = (
    "2011",
    "2051",
    "2061",
    "2031",
    "2041",
    "2081",
    "9015",
    "9021",
    "1013",
    "3020",
    "2062",
    "9014",
    "0000",
    "201",
)
SUFFIXES = ("Rtd", "Avg", "Min", "Max", "Cou", "Flag", "ZsAvg", "ZsRtd", "EFlag", "SampleTime", "Info", "Zs", "")


class Frames:
    """A connection for every input, each from an address of its own: the gateway's caps are by address."""

    name = "frames"
    sets_aside = False

    def __init__(self, site: Site, oracle: Oracle) -> None:
        self._site = site
        self._seeds = _seeds()
        self._connections = 0
        self._counted = self._counters()

    def known(self) -> Sequence[Input]:
        return [Input("gateway", payload) for payload in _known()]

    def make(self, random: Random) -> Input:
        seed, other = random.choice(self._seeds), random.choice(self._seeds)
        make: Callable[[], bytes] = random.choice(
            (
                lambda: encode(_within(segment_of(seed), random)),
                lambda: encode(_within(segment_of(seed), random)),
                lambda: encode(_bytes_within(segment_of(seed), segment_of(other), random)),
                lambda: bytes_mutated(seed, random, other),
                lambda: b"".join(random.choice(self._seeds) for _ in range(random.randrange(2, 30))),
                lambda: bytes_mutated(b"".join((seed, other, seed)), random, other),
                lambda: random.randbytes(random.choice((1, 10, 100, 5000))) + seed,
            )
        )
        return Input("gateway", make(), (("cut", b"%d" % random.choice((0, 0, 1, 3, 50))),))

    def send(self, one: Input) -> str:
        payload = one.payload or b""
        cut = int(dict(one.headers).get("cut", b"0"))
        self._connections += 1
        source = f"127.{1 + self._connections % 200}.{self._connections // 200 % 250}.7"
        address = ("127.0.0.1", self._site.product.gateway_port)
        try:
            with socket.create_connection(address, ANSWER_S, source_address=(source, 0)) as line:
                return _outcome(exchanged(line, payload[:cut], payload[cut:]))
        except TimeoutError as late:
            raise Broken(f"the gateway did not end the connection within {ANSWER_S} s\n{self._site.errors()}") from late
        except ConnectionRefusedError as refused:
            raise Broken(f"the gateway takes no connections\n{self._site.errors()}") from refused

    def settle(self) -> Iterator[str]:
        """What the gateway has counted: packets, by outcome."""
        found = self._counters()
        yield from (found - self._counted).elements()
        self._counted = found

    def _counters(self) -> Counter[str]:
        texts = [httpx.get(f"{one.base_url}/metrics", trust_env=False).text for one in self._site.processes]
        found = [match for text in texts for match in COUNTED.findall(text)]
        return Counter({f"packet {name}": int(float(value)) for name, value in found})


def _outcome(answers: bytes) -> str:
    found = sorted(set(ANSWERED.findall(answers)))
    return "answered " + " ".join(cn.decode() for cn in found) if found else "not answered"


def segment_of(whole: bytes) -> bytes:
    """What stands between length and checksum."""
    return whole.strip()[6:-4]


def _seeds() -> list[bytes]:
    """Good frames of the target, and the published samples as if they were its own."""
    many = ",".join(f"a{21000 + n}-Avg={n}.5,a{21000 + n}-Flag=N" for n in range(60))
    factors = "a21026-Rtd=12.5,a21026-Flag=N;a19001-Rtd=6.0,a19001-Flag=N;a34013-ZsAvg=3.2,a34013-Avg=2.9"
    good = [TARGET.hour(last_hour(3), 20.0), TARGET.hour(last_hour(300), 70.0), frame(TARGET, "9015", "")]
    for command in COMMANDS:
        good.append(frame(TARGET, command, f"DataTime={stamp(last_hour(2))};{factors}"))
    good.append(frame(TARGET, "2051", f"DataTime={stamp(last_hour(2))};{many}"))
    samples = DATA / "hj212" / "samples.jsonl"
    good += [FOREIGN.hour(last_hour(3), 20.0), GUARDED.hour(last_hour(3), 20.0), frame(GUARDED, "9021", "")]
    return good + (list(map(_owned, _published(samples))) if samples.exists() else [])


def _published(samples: Path) -> list[bytes]:
    entries = map(json.loads, samples.read_text(encoding="utf-8").strip().split("\n"))
    return [entry["raw"].encode() for entry in entries if entry.get("raw")]


def _owned(sample: bytes) -> bytes:
    """The sample with the target's MN."""
    segment = re.sub(rb"MN=[^;]*", b"MN=" + TARGET.mn.encode(), segment_of(sample))
    return encode(segment[:LONGEST_SEGMENT])


def _within(segment: bytes, random: Random) -> bytes:
    """Fields dropped, doubled, swapped, with odd names or values; checksum and length are right all the same."""
    head, mark, body = segment.partition(b"CP=&&")
    fields, items = head.split(b";"), re.split(b"([;,])", body)
    for _ in range(random.choice((1, 1, 2, 4))):
        part = fields if random.random() < 0.4 or len(items) < 3 else items
        place = random.randrange(len(part))
        part[place : place + 1] = random.choice((_odd_value, _odd_value, _odd_name, _gone, _twice, _many))(
            part[place], random
        )
    return (b";".join(fields) + mark + b"".join(items))[:LONGEST_SEGMENT]


def _odd_value(field: bytes, random: Random) -> list[bytes]:
    name, _, _ = field.partition(b"=")
    value = random.choice((*ODD_TEXTS, *NUMBERS, nested(random.choice((30, 990)))))
    return [name + b"=" + value.encode(random.choice(("utf-8", "gb18030")), "replace")]


def _odd_name(field: bytes, random: Random) -> list[bytes]:
    _, _, value = field.partition(b"=")
    name = random.choice((f"a21026-{random.choice(SUFFIXES)}", "DataTime", "QN", "MN", "PNUM", "PNO", *ODD_TEXTS))
    return [name.encode("utf-8", "replace") + b"=" + value]


def _gone(_field: bytes, _random: Random) -> list[bytes]:
    return [b""]


def _twice(field: bytes, random: Random) -> list[bytes]:
    return [field, random.choice((b"", b";", b",")), field]


def _many(_field: bytes, random: Random) -> list[bytes]:
    factors = range(random.choice((10, 300)))
    return [b";".join(b"a%05d-%s=%d" % (n, random.choice(SUFFIXES).encode(), n) for n in factors)]


def _bytes_within(segment: bytes, other: bytes, random: Random) -> bytes:
    return bytes_mutated(segment, random, other)[:LONGEST_SEGMENT]


def _known() -> list[bytes]:
    when, hour = f"DataTime={stamp(last_hour(2))}", last_hour(2)
    return [
        b"",
        b"##",
        b"##0000\r\n",
        b"##9999" + b"x" * 20_000,
        b"#" * 5000,
        b"\r\n" * 3000,
        frame(TARGET, "2061", f"{when};a21026-Avg={'9' * 5000},a21026-Flag=N"),
        frame(TARGET, "2061", f"{when};a21026-Avg=1e400,a21026-Flag=N"),
        frame(TARGET, "2061", f"{when};a21026-Avg=NaN,a21026-Flag=N;a19001-Avg=Infinity"),
        frame(TARGET, "2061", f"{when};a21026-Avg=\x00,a21026-Flag=\x00"),
        frame(TARGET, "2061", "DataTime=99991231235959;a21026-Avg=1"),
        frame(TARGET, "2061", "DataTime=00010101000000;a21026-Avg=1"),
        frame(TARGET, "2061", f"{when};{'a' * 5000}-Avg=1"),
        frame(TARGET, "2051", f"{when};{nested(990)}-Avg=1"),
        FOREIGN.hour(hour, 20.0),
        TARGET.hour(hour, 20.0, qn="9" * 5000),
        TARGET.hour(hour, 20.0, qn="\x00"),
        TARGET.hour(hour, 20.0, qn="00000000000000000"),
        frame(TARGET, "2061", f"{when};a21026-Avg=1;PNUM=99999999999;PNO=-1", flag=255),
        frame(TARGET, "2061", f"{when};a21026-Avg=1", flag=10**30),
    ]
