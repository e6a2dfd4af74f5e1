"""The webhook channel against a receiver with bad manners: what each comes to, and that none takes longer than it may."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path
from time import monotonic

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook, WebhookVerificationError

from services.alerts.channels.base import Delivered, OutboundMessage, Outcome, Refused, TryLater, Why
from services.alerts.channels.guard import Guard, Resolver
from services.alerts.channels.snippet import SNIPPET_BYTES
from services.alerts.channels.webhook import WebhookChannel
from services.alerts.store.endpoints import new_secret
from tests.support.alerts_case import LOOPBACK
from tests.support.receiver import Receiver

TOTAL_S = 0.6
BODY = '{"type":"yujing.alert.issued.v1","data":{"headline":{"zh":"超标"}}}'.encode()
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def send(
    url: str, *, guard: Guard | None = None, secrets: Sequence[str] = (), at: datetime = NOW, **channel: object
) -> Outcome:
    async def body() -> Outcome:
        webhooks = WebhookChannel(guard or Guard(LOOPBACK), total_s=TOTAL_S, **channel)  # type: ignore[arg-type]
        try:
            return await webhooks.send(OutboundMessage("psh_a", url, BODY, tuple(secrets) or (new_secret(),), at))
        finally:
            await webhooks.close()

    return asyncio.run(body())


def test_the_independent_library_verifies_old_and_new_secret_over_the_raw_body(receiver: Receiver) -> None:
    old, new, now = new_secret(), new_secret(), datetime.now(UTC)  # the library refuses what was sent five minutes ago
    assert isinstance(send(receiver.url("/rotated"), secrets=[new, old], at=now), Delivered)
    (message,) = receiver.wait_taken(1, "/rotated")
    for secret in (old, new):
        Webhook(secret).verify(message.body, message.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(message.body, message.headers)
    assert message.body == BODY
    assert message.headers["webhook-timestamp"] == str(int(now.timestamp()))
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"


CASES: list[tuple[str, type[Outcome], Why]] = [
    ("ok", Delivered, Why.OK),
    ("stall-accept", TryLater, Why.TIMEOUT),
    ("drip-head", TryLater, Why.TIMEOUT),
    ("drip-body", Delivered, Why.OK),
    ("huge-body", Delivered, Why.OK),
    ("gzip-bomb", Delivered, Why.OK),
    ("redirect", TryLater, Why.REDIRECT),
    ("gone", Refused, Why.GONE),
    ("limited:7", TryLater, Why.RATE_LIMITED),
    ("unavailable:7", TryLater, Why.UNAVAILABLE),
    ("fail-then-ok:9", TryLater, Why.SERVER_ERROR),
    ("bad-request", TryLater, Why.CLIENT_ERROR),
    ("reset", TryLater, Why.RESET),
    ("garbage", TryLater, Why.PROTOCOL),
]


@pytest.mark.parametrize(("mode", "kind", "why"), CASES, ids=[case[0] for case in CASES])
def test_every_manner_of_a_receiver_has_its_answer_in_time(
    receiver: Receiver, mode: str, kind: type[Outcome], why: Why
) -> None:
    receiver.modes[f"/{mode}"] = mode
    began = monotonic()
    outcome = send(receiver.url(f"/{mode}"))
    assert monotonic() - began < TOTAL_S + 2
    assert isinstance(outcome, kind) and outcome.why is why
    assert len(receiver.ids(f"/{mode}")) == 1


AFTER = [
    ("120", timedelta(seconds=120)),
    (format_datetime(NOW + timedelta(seconds=90), usegmt=True), timedelta(seconds=90)),
    (format_datetime(NOW - timedelta(days=1), usegmt=True), timedelta(0)),
    ("31536000", timedelta(days=365)),
    ("soon", None),
    ("-5", None),
    ("9" * 40, None),
]


@pytest.mark.parametrize(
    ("text", "after"), AFTER, ids=["seconds", "date", "past", "a year", "word", "negative", "huge"]
)
@pytest.mark.parametrize("mode", ["limited", "unavailable"])
def test_retry_after_is_read_as_seconds_or_date_and_garbage_is_ignored(
    receiver: Receiver, mode: str, text: str, after: timedelta | None
) -> None:
    path = f"/{mode}-{AFTER.index((text, after))}"
    receiver.modes[path] = f"{mode}:{text}"
    outcome = send(receiver.url(path))
    assert isinstance(outcome, TryLater) and outcome.after == after


def test_a_closed_port_is_for_later() -> None:
    outcome = send("http://127.0.0.1:1/")
    assert isinstance(outcome, TryLater) and outcome.why is Why.CONNECT


def answers(*each: list[str]) -> tuple[Resolver, list[str]]:
    """A resolver that gives these answers in turn (the last for ever), and what it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return each[min(len(asked), len(each)) - 1]

    return resolve, asked


def test_a_name_that_turns_from_public_to_private_is_never_dialled_there(receiver: Receiver) -> None:
    resolve, asked = answers(["192.0.2.1"], ["127.0.0.1"])
    documentation = Guard([ip_network("192.0.2.0/24")])  # stands for the public one: nothing answers there
    before = receiver.connections
    url = receiver.url("/rebound", host="rebinding.example")
    first, second = (send(url, guard=documentation, resolve=resolve) for _ in range(2))
    assert isinstance(first, TryLater) and first.why in (Why.TIMEOUT, Why.CONNECT)  # the checked address, once
    assert isinstance(second, TryLater) and second.why is Why.BLOCKED
    assert asked == ["rebinding.example"] * 2
    assert receiver.connections == before


def everywhere(receiver: Receiver) -> Guard:
    """Opens the receiver's port, by http too, to every address that is public."""
    return Guard(ports=[f"http:{receiver.port}"])


def as_public(receiver: Receiver) -> Guard:
    """Takes this machine for a host of the public internet."""
    return Guard(ports=[f"http:{receiver.port}"], special=())


def test_one_private_address_among_public_ones_blocks_the_name(receiver: Receiver) -> None:
    resolve, _ = answers(["93.184.216.34", "127.0.0.1"])
    outcome = send(receiver.url("/mixed", host="mixed.example"), guard=everywhere(receiver), resolve=resolve)
    assert isinstance(outcome, TryLater) and outcome.why is Why.BLOCKED
    assert "mixed.example" in outcome.snippet and "127.0.0.1" not in outcome.snippet  # no map of an intranet


@pytest.mark.parametrize("found", [["93.184.216.34"], ["127.0.0.1", "93.184.216.34"]])
def test_a_name_that_speaks_http_is_reached_only_when_all_its_addresses_are_allowed(
    receiver: Receiver, found: list[str]
) -> None:
    before = receiver.connections
    url = receiver.url("/plain", host="plain.example")
    blocked = send(url, resolve=answers(found)[0])
    assert isinstance(blocked, TryLater) and blocked.why is Why.BLOCKED
    assert "http on port" in blocked.snippet and "YUJING_PUSH_PORTS" in blocked.snippet
    assert receiver.connections == before
    assert isinstance(send(url, resolve=answers(["127.0.0.1"])[0]), Delivered)


def test_a_system_port_of_a_public_host_is_blocked_until_the_operator_lists_it() -> None:
    resolve, asked = answers(["192.0.2.1"])
    outcome = send("https://mail.example:25/", guard=Guard(special=()), resolve=resolve)
    assert isinstance(outcome, TryLater) and outcome.why is Why.BLOCKED and "port 25" in outcome.snippet
    opened = send("https://mail.example:25/", guard=Guard(ports=["https:25"], special=()), resolve=resolve)
    assert isinstance(opened, TryLater) and opened.why in (Why.TIMEOUT, Why.CONNECT)  # dialled: nothing answers there
    assert asked == ["mail.example"] * 2


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1.:{port}/", "http://2130706433:{port}/", "http://[::1:{port}/", "http://u:p@127.0.0.1:{port}/",
     "http://127.0.0.1:{port}\\@x.example/", "http://0x7f.1:{port}/", "http://a..b:{port}/"],
)  # fmt: skip
def test_an_endpoint_of_older_rules_is_blocked_visibly_and_never_dialled(receiver: Receiver, url: str) -> None:
    before = receiver.connections
    outcome = send(url.format(port=receiver.port), resolve=answers(["127.0.0.1"])[0])
    assert isinstance(outcome, TryLater) and outcome.why is Why.BLOCKED and "expected" in outcome.snippet
    assert receiver.connections == before


def test_a_name_without_an_address_is_for_later_and_says_so(receiver: Receiver) -> None:
    outcome = send(receiver.url("/", host="nowhere.example"), resolve=answers([])[0])
    assert outcome == TryLater(Why.CONNECT, snippet="nowhere.example has no address")


def shown(receiver: Receiver, content_type: str, body: bytes, guard: Guard) -> str:
    """What is kept of an answer with this body."""
    receiver.modes["/shown"], receiver.bodies["/shown"] = f"typed:{content_type}", body
    outcome = send(receiver.url("/shown"), guard=guard)
    assert isinstance(outcome, Delivered)
    return outcome.snippet


TEXTS = [
    ("text/plain", b"thank you", "thank you"),
    ("TEXT/HTML; charset=utf-8", "收到".encode(), "收到"),
    ("application/json", b'{"ok":true}', '{"ok":true}'),
    ("application/problem+json", b"{}", "{}"),
    ("text/plain", b"a\x00b\x1b[31mc\r\nd\te", "a�b�[31mc  d e"),
    ("text/plain", "\u202egnp".encode(), "�gnp"),
    ("text/plain", b"x" * 3000, "x" * 500),
    ("text/plain", "预".encode() * 1000, "预" * 166),
    ("text/plain", b"\x01" * 3000, "�" * 166),
    ("text/plain", b"caf\xe9", ""),
    ("text/plain", b"\xe9\xa2", ""),
    ("application/octet-stream", b"thank you", ""),
    ("application/jsonx", b"thank you", ""),
    ("", b"thank you", ""),
]


@pytest.mark.parametrize(("content_type", "body", "kept"), TEXTS)
def test_of_a_public_host_s_answer_the_beginning_of_a_text_is_kept(
    receiver: Receiver, content_type: str, body: bytes, kept: str
) -> None:
    snippet = shown(receiver, content_type, body, as_public(receiver))
    assert snippet == kept
    assert len(snippet.encode()) <= SNIPPET_BYTES == 500


def test_of_an_answer_from_an_allowed_private_network_nothing_is_kept(receiver: Receiver) -> None:
    assert shown(receiver, "text/plain", b"secrets of the intranet", Guard(LOOPBACK)) == ""
    both = Guard(LOOPBACK, ports=[f"http:{receiver.port}"], special=())  # public, and inside an allowed network
    assert shown(receiver, "text/plain", b"secrets of the intranet", both) == ""


def test_the_connection_is_pinned_to_the_address_that_was_checked(receiver: Receiver) -> None:
    resolve, asked = answers(["127.0.0.1"], ["10.0.0.1"])
    outcome = send(receiver.url("/pinned", host="name.example"), resolve=resolve)
    assert isinstance(outcome, Delivered) and asked == ["name.example"]
    assert receiver.wait_taken(1, "/pinned")[0].headers["host"] == f"name.example:{receiver.port}"


def authority(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for `name`, and a client's that trusts its authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    me = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    began = datetime.now(UTC) - timedelta(days=1)

    def sign(subject: x509.Name, public: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(me).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(began)
        builder = builder.not_valid_after(began + timedelta(days=30)).add_extension(extension, critical=False)
        return builder.sign(key, hashes.SHA256())

    root = sign(me, key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
    own = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    leaf = sign(subject, own.public_key(), x509.SubjectAlternativeName([x509.DNSName(name)]))
    pem = serialization.Encoding.PEM
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "leaf.pem").write_bytes(private + leaf.public_bytes(pem))
    (folder / "root.pem").write_bytes(root.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "leaf.pem")
    return server, ssl.create_default_context(cafile=str(folder / "root.pem"))


def test_over_tls_the_certificate_is_checked_against_the_name_not_the_address(tmp_path: Path) -> None:
    server, client = authority(tmp_path, "hooks.example")
    resolve, _ = answers(["127.0.0.1"])
    with Receiver(tls=server) as secure:
        right = send(secure.url("/tls", host="hooks.example"), resolve=resolve, tls=client)
        wrong = send(secure.url("/tls", host="other.example"), resolve=resolve, tls=client)
        unknown_signer = send(secure.url("/tls", host="hooks.example"), resolve=resolve)
        assert isinstance(right, Delivered)
        assert [(type(one), one.why) for one in (wrong, unknown_signer)] == [(TryLater, Why.TLS)] * 2
        assert len(secure.ids("/tls")) == 1
