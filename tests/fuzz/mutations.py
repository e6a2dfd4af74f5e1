"""What is done to a good input: on its bytes, on its text, at a random place of its JSON. Pure but for the given Random."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

Path = tuple[str | int, ...]
DEPTHS = (30, 200, 900, 950, 989, 990, 1000, 1100, 2000)  # the interpreter's limit is near 1000


@dataclass(frozen=True, slots=True)
class Raw:
    """JSON text that stands in a document as it is: no Python value gives it."""

    text: str


def nested(depth: int, kind: str = "[") -> str:
    """Arrays (or objects, by `{`) in one another."""
    return "[" * depth + "]" * depth if kind == "[" else '{"a":' * depth + "1" + "}" * depth


NUMBERS = (
    "0", "-0", "-0.0", "-1", "1e5", "1e308", "1e309", "-1e400", "1e-400", "0.1e1", "1.0000000000000002", "2147483648",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
    "1" + "0" * 30, "1" + "0" * 400, "9" * 4299, "9" * 5000, "-" + "9" * 5000, "0." + "3" * 5000, "1e99999999999",
    "NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x10", "1_000",
)  # fmt: skip
ODD_TEXTS = (
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "\u200b", "𒀀", "é", "ｅ１", "٣", "²", "½",
    "'; --", "%00", "%", "../../etc/passwd", "\r\nX: y", "\x1b[2J", "null", "true", "NaN", "1e400", "-0", "9" * 5000,
    "x" * 300, "x" * 3000, "0001-01-01", "9999-12-31", "0000-00-00", "2026-02-29", "2026-02-30T25:61:61+99:99",
    "2026-11-20T08:00:00", "2026-11-20T08:00:00Z", "2026-11-20T08:00:00+23:59", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2026-11-20T24:00:00+08:00", "2026-W47-5", "20261120080000", "１２３",
)  # fmt: skip
ODD_BYTES = (b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\r\n", b"\n", b"##",
             b"&&", b";", b",", b"=", b"\"", b"[", b"{", b"\\u0000", b"\\ud800", b"<", b"&#0;", b"%00")  # fmt: skip


def odd_value(random: Random) -> Any:
    """Something that does not belong there, of any JSON type."""
    return random.choice(
        (
            lambda: None,
            lambda: random.choice((True, False)),
            lambda: Raw(random.choice(NUMBERS)),
            lambda: random.choice(ODD_TEXTS),
            lambda: random.choice(([], {}, [[]], {"": {}}, [None], {"a": None})),
            lambda: Raw(nested(random.choice(DEPTHS), random.choice("[{"))),
            lambda: [odd_value(random) for _ in range(random.randrange(4))],
        )
    )()


def paths(document: Any, here: Path = ()) -> Iterator[Path]:
    """Every place in the document, itself first."""
    yield here
    parts: Any = ()
    if isinstance(document, dict):
        parts = document.items()
    elif isinstance(document, list):
        parts = enumerate(document)
    for name, inner in parts:
        yield from paths(inner, (*here, name))


def at(document: Any, path: Path) -> Any:
    for part in path:
        document = document[part]
    return document


def put(document: Any, path: Path, value: Any) -> Any:
    """The document with another value at the place; the document itself is changed."""
    if not path:
        return value
    at(document, path[:-1])[path[-1]] = value
    return document


def mutated(document: Any, random: Random, times: int | None = None) -> Any:
    """A copy with one to three changes at random places."""
    changed = deepcopy(document)
    for _ in range(times or random.choice((1, 1, 1, 2, 3))):
        changed = _changed(changed, random)
    return changed


def _changed(document: Any, random: Random) -> Any:
    path = random.choice(list(paths(document))[1:] or [()])
    return random.choice((_swapped, _swapped, _swapped, _dropped, _renamed, _added, _moved, _nudged))(
        document, path, random
    )


def _swapped(document: Any, path: Path, random: Random) -> Any:
    return put(document, path, odd_value(random))


def _dropped(document: Any, path: Path, random: Random) -> Any:
    if path:
        del at(document, path[:-1])[path[-1]]
    return document


def _renamed(document: Any, path: Path, random: Random) -> Any:
    holder = at(document, path[:-1]) if path else None
    if isinstance(holder, dict):
        holder[random.choice(ODD_TEXTS)] = holder.pop(path[-1])
    return document


def _added(document: Any, path: Path, random: Random) -> Any:
    """Something more in the object or array at the place, or around it."""
    holder = at(document, path)
    if isinstance(holder, dict):
        holder[random.choice(("unknown", "id", "__proto__", *ODD_TEXTS[:6]))] = odd_value(random)
    elif isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), odd_value(random))
    else:
        document = put(document, path, [holder])
    return document


def _moved(document: Any, path: Path, random: Random) -> Any:
    """What stands at another place stands here too."""
    return put(document, path, deepcopy(at(document, random.choice(list(paths(document))))))


def _nudged(document: Any, path: Path, random: Random) -> Any:
    """The value of its own type, a little wrong."""
    value = at(document, path)
    if isinstance(value, str):
        return put(document, path, text_mutated(value, random))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _swapped(document, path, random)
    return put(document, path, random.choice((-value, value * 10**6, value + 0.5, str(value), Raw(f"{value}e300"))))


def dumped(document: Any, random: Random | None = None) -> bytes:
    """The document as JSON; lone surrogates as escapes, `Raw` as it is."""
    raws: list[str] = []

    def encodable(value: Any) -> Any:
        if isinstance(value, Raw):
            raws.append(value.text)
            return f"raw-{len(raws) - 1}-here"
        if isinstance(value, dict):
            return {name: encodable(inner) for name, inner in value.items()}
        return [encodable(inner) for inner in value] if isinstance(value, list) else value

    ascii_only = random is None or random.random() < 0.5 or _has_surrogates(document)
    text = json.dumps(encodable(document), ensure_ascii=ascii_only)
    for number, raw in enumerate(raws):
        text = text.replace(f'"raw-{number}-here"', raw)
    return text.encode()


def _has_surrogates(document: Any) -> bool:
    if isinstance(document, str):
        return any("\ud800" <= char <= "\udfff" for char in document)
    if isinstance(document, dict):
        return any(_has_surrogates(name) or _has_surrogates(inner) for name, inner in document.items())
    return isinstance(document, list) and any(map(_has_surrogates, document))


def json_mutated(document: Any, random: Random) -> bytes:
    """Mostly a document that can still be read, now and then its bytes mutated too."""
    found = dumped(mutated(document, random), random)
    return bytes_mutated(found, random) if random.random() < 0.15 else found


def text_mutated(text: str, random: Random) -> str:
    """One place of the text changed."""
    at_ = random.randrange(len(text) + 1)
    odd = random.choice(ODD_TEXTS)
    return random.choice(
        (
            lambda: text[:at_] + odd + text[at_:],
            lambda: text[:at_] + odd + text[at_ + 1 :],
            lambda: text[:at_],
            lambda: text[at_:] + text[:at_],
            lambda: text + text,
            lambda: text.swapcase(),
            lambda: text[:at_] + text[at_ + 1 :],
        )
    )()


def bytes_mutated(content: bytes, random: Random, other: bytes = b"", times: int | None = None) -> bytes:
    """One to four changes: flips, cuts, doubling, splicing with `other`, odd bytes."""
    for _ in range(times or random.choice((1, 1, 2, 4))):
        content = random.choice(_ON_BYTES)(content, random, other)
    return content


def _flipped(content: bytes, random: Random, _other: bytes) -> bytes:
    if not content:
        return b"\x00"
    place = random.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << random.randrange(8))]) + content[place + 1 :]


def _cut(content: bytes, random: Random, _other: bytes) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _without(content: bytes, random: Random, _other: bytes) -> bytes:
    start, length = random.randrange(len(content) + 1), random.choice((1, 2, 8, 64))
    return content[:start] + content[start + length :]


def _doubled(content: bytes, random: Random, _other: bytes) -> bytes:
    start, length = random.randrange(len(content) + 1), random.choice((1, 4, 32, 256))
    piece = content[start : start + length] * random.choice((1, 1, 3, 50))
    return content[:start] + piece + content[start:]


def _spliced(content: bytes, random: Random, other: bytes) -> bytes:
    other = other or content
    return content[: random.randrange(len(content) + 1)] + other[random.randrange(len(other) + 1) :]


def _odd(content: bytes, random: Random, _other: bytes) -> bytes:
    place = random.randrange(len(content) + 1)
    odd = random.choice((*ODD_BYTES, *(number.encode() for number in NUMBERS)))
    return content[:place] + odd + content[place + random.choice((0, 0, 1, len(odd))) :]


_ON_BYTES: Sequence[Callable[[bytes, Random, bytes], bytes]] = (_flipped, _cut, _without, _doubled, _spliced, _odd)


def smaller(content: bytes) -> Iterator[bytes]:
    """Candidates with less in them, the smallest first: halves, quarters, … cut out; numbers and nesting kept whole."""
    if not content:
        return
    yield b""
    size = len(content) // 2
    while size:
        for start in range(0, len(content), size):
            yield content[:start] + content[start + size :]
        size //= 2
