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

from services.alerts.channels import Delivered, Letter, Outcome, Refused, TryLater, Why
from services.alerts.channels.guard import Guard, Resolver
from services.alerts.channels.webhook import SNIPPET_BYTES, Webhooks
from services.alerts.store.endpoints import new_secret
from shared.domain.errors import Invalid
from tests.support.alerts_case import LOOPBACK
from tests.support.receiver import Receiver

TOTAL_S = 0.6
BODY = '{"type":"yujing.alert.issued.v1","data":{"headline":{"zh":"超标"}}}'.encode()
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def send(url: str, *, guard: Guard | None = None, secrets: Sequence[str] = (), **channel: object) -> Outcome:
    async def body() -> Outcome:
        webhooks = Webhooks(guard or Guard(LOOPBACK), total_s=TOTAL_S, **channel)  # type: ignore[arg-type]
        try:
            return await webhooks.send(Letter("psh_a", url, BODY, tuple(secrets) or (new_secret(),), NOW))
        finally:
            await webhooks.close()

    return asyncio.run(body())


def test_the_independent_library_verifies_old_and_new_secret_over_the_raw_body(receiver: Receiver) -> None:
    old, new = new_secret(), new_secret()
    assert isinstance(send(receiver.url("/rotated"), secrets=[new, old]), Delivered)
    (letter,) = receiver.wait_taken(1, "/rotated")
    for secret in (old, new):
        Webhook(secret).verify(letter.body, letter.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(letter.body, letter.headers)
    assert letter.body == BODY
    assert letter.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert letter.headers["host"] == f"127.0.0.1:{receiver.port}"


CASES: list[tuple[str, type[Outcome], Why]] = [
    ("ok", Delivered, Why.OK),
    ("hang-accept", TryLater, Why.TIMEOUT),
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
    assert len(outcome.snippet.encode()) <= SNIPPET_BYTES * 3  # each undecodable byte shows as one 3-byte sign
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


def test_one_private_address_among_public_ones_blocks_the_name(receiver: Receiver) -> None:
    resolve, _ = answers(["93.184.216.34", "127.0.0.1"])
    outcome = send(receiver.url("/mixed", host="mixed.example"), guard=Guard(), resolve=resolve)
    assert isinstance(outcome, TryLater) and outcome.why is Why.BLOCKED


def test_the_connection_is_pinned_to_the_address_that_was_checked(receiver: Receiver) -> None:
    resolve, asked = answers(["127.0.0.1"], ["10.0.0.1"])
    outcome = send(receiver.url("/pinned", host="name.example"), resolve=resolve)
    assert isinstance(outcome, Delivered) and asked == ["name.example"]
    assert receiver.wait_taken(1, "/pinned")[0].headers["host"] == f"name.example:{receiver.port}"


FORBIDDEN = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1",
    "2001:0:0:0:0:0:f5ff:fffe", "not an address",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_addresses_that_are_not_public_are_out_of_bounds(address: str) -> None:
    assert not Guard().permits(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_public_addresses_are_in_bounds(address: str) -> None:
    assert Guard().permits(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "a.localhost."]
)
def test_a_private_target_is_refused_when_it_is_registered(host: str) -> None:
    with pytest.raises(Invalid, match="YUJING_ALLOW_PRIVATE_TARGETS") as refused:
        Guard().check_url(f"http://{host}:8080/hook")
    assert refused.value.field == "url"
    if "[" not in host:
        Guard(LOOPBACK).check_url(f"http://{host}:8080/hook")


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "http://", "http://u:p@a.example/", "http://a.example:99999/", "http://例子.cn/", "x"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        Guard().check_url(url)


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
        stranger = send(secure.url("/tls", host="hooks.example"), resolve=resolve)
        assert isinstance(right, Delivered)
        assert [(type(one), one.why) for one in (wrong, stranger)] == [(TryLater, Why.TLS)] * 2
        assert len(secure.ids("/tls")) == 1
