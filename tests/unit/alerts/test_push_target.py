"""A push's URL is read strictly, by one function: a target, or an error that names the URL and the rule."""

from __future__ import annotations

import re
from ipaddress import ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.alerts.channels.guard import Guard
from services.alerts.channels.target import Target, read_target
from shared.domain.errors import Invalid

LOOPBACK = Guard([ip_network("127.0.0.0/8")])
ANYTHING = Guard([ip_network("0.0.0.0/0"), ip_network("::/0")])
PIECES = st.sampled_from(
    ["http://", "https://", "HTTP:/", "[", "]", "::1", "127.0.0.1", ".", "..", ":", "@", "%", "#", "\\", "/", "?", "0x7f",
     "2130706433", "a", "-", "xn--", "example", "v1.", "443", "0", "65536", "é", "\x00", "\ud800", " "]
)  # fmt: skip


@pytest.mark.parametrize(
    ("url", "target", "host"),
    [
        ("https://a.example", Target("https", "a.example", 443, "/"), "a.example"),
        ("HTTPS://A.Example:8443/In?q=1", Target("https", "a.example", 8443, "/In?q=1"), "a.example:8443"),
        ("https://a.example?q=1", Target("https", "a.example", 443, "/?q=1"), "a.example"),
        ("https://xn--fsqu00a.cn/%E6%8E%A8", Target("https", "xn--fsqu00a.cn", 443, "/%E6%8E%A8"), "xn--fsqu00a.cn"),
        ("http://intranet:80/", Target("http", "intranet", 80, "/"), "intranet"),
        ("https://a.example/a@b:c%zz", Target("https", "a.example", 443, "/a@b:c%zz"), "a.example"),
    ],
)
def test_a_url_is_read_into_what_is_dialled(url: str, target: Target, host: str) -> None:
    assert read_target(url) == target
    assert target.authority == host


@pytest.mark.parametrize(
    ("url", "host", "authority"),
    [
        ("http://192.0.2.1:8080/", "192.0.2.1", "192.0.2.1:8080"),
        ("https://[2001:DB8::0:1]/", "2001:db8::1", "[2001:db8::1]"),
        ("https://[::ffff:192.0.2.1]:444/", "::ffff:c000:201", "[::ffff:c000:201]:444"),
    ],
)
def test_an_address_is_read_into_its_canonical_form(url: str, host: str, authority: str) -> None:
    target = read_target(url)
    assert target.address is not None and (target.host, str(target.address)) == (host, host)
    assert target.authority == authority


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://127.0.0.1./", "none of them empty"),
        ("http://%31%32%37.0.0.1/", "percent"),
        ("http://127.0.0.1\\.x.com/", "backslash"),
        ("http://[v1.x]/", "IPv6"),
        ("http://x..com/", "none of them empty"),
        ("http://[::1/", "brackets"),
        ("http://::1]/", "brackets"),
        ("http://[]/", "IPv6"),
        ("http://[::1]x/", "brackets"),
        ("http://[fe80::1%25eth0]/", "zone"),
        ("http://[::1%eth0]/", "zone"),
        ("http://[127.0.0.1]/", "IPv6"),
        ("http://a.localhost./", "none of them empty"),
        ("http://.x.com/", "none of them empty"),
        ("http://-a.example/", "hyphens"),
        ("http://a_b.example/", "hyphens"),
        (f"http://{'a' * 64}.example/", "labels"),
        (f"http://{'a.' * 126}ab/", "253"),
        ("http://2130706433/", "four decimal numbers"),
        ("http://0x7f.1/", "four decimal numbers"),
        ("http://0x7f000001/", "four decimal numbers"),
        ("http://017700000001/", "four decimal numbers"),
        ("http://0177.0.0.1/", "four decimal numbers"),
        ("http://127.1/", "four decimal numbers"),
        ("http://127.0.0.256/", "four decimal numbers"),
        ("http://1.2.3.4.5/", "four decimal numbers"),
        ("http://a.example.0x1/", "four decimal numbers"),
        ("http://a.example.7/", "four decimal numbers"),
        ("http://u:p@a.example/", "user"),
        ("http://127.0.0.1@a.example/", "user"),
        ("http://@a.example/", "user"),
        ("http://a.example#@127.0.0.1/", "fragment"),
        ("http://a.example/#x", "fragment"),
        ("http://a.example:/", "port"),
        ("http://a.example:0/", "port"),
        ("http://a.example:080/", "port"),
        ("http://a.example:65536/", "port"),
        ("http://a.example:99999/", "port"),
        ("http://a.example:80:80/", "port"),
        ("http://a.example:+80/", "port"),
        ("http://:80/", "host name"),
        ("http:///x", "host name"),
        ("http://", "host name"),
        ("ftp://a.example/", "http:// or https://"),
        ("//a.example/", "http:// or https://"),
        ("http:a.example", "http:// or https://"),
        ("x", "http:// or https://"),
        ("", "visible ASCII"),
        ("http://例子.cn/", "visible ASCII"),
        ("http://a.example/ x", "visible ASCII"),
        ("http://a.example/\r\nX: y", "visible ASCII"),
        ("http://a.example/\x7f", "visible ASCII"),
        ("http://a.example/\ud800", "visible ASCII"),
        (f"http://a.example/{'x' * 2048}", "2048"),
    ],
)
def test_what_readers_could_understand_differently_is_refused_with_the_url_and_the_rule(url: str, rule: str) -> None:
    for read in (read_target, ANYTHING.check_url):
        with pytest.raises(Invalid, match=re.escape(rule)) as refused:
            read(url)
        assert (refused.value.field, refused.value.value) == ("url", url)
        assert repr(url) in refused.value.detail and rule in refused.value.rule


@given(
    st.one_of(st.text(), st.lists(PIECES, max_size=8).map("".join), PIECES.flatmap(lambda p: st.text().map(p.__add__)))
)
@example("http://[::1")
def test_any_text_as_a_url_gives_a_target_or_invalid(url: str) -> None:
    for guard in (Guard(), LOOPBACK, ANYTHING):
        try:
            target = guard.check_url(url)
        except Invalid as refused:
            assert refused.field == "url" and refused.rule
        else:
            assert target == read_target(url) and 1 <= target.port <= 65535
            assert target.resource.startswith("/") and not set(target.host) & set("%@\\#/?[]")


@given(st.from_regex(r"https?://(?:[a-z0-9-]{1,8}\.){0,3}[a-z0-9-]{1,8}(?::[1-9][0-9]{0,3})?/?", fullmatch=True))
def test_what_is_read_again_from_its_parts_is_the_same_target(url: str) -> None:
    try:
        target = read_target(url)
    except Invalid:
        return
    assert read_target(f"{target.scheme}://{target.authority}{target.resource}") == target


LITERALS = ["127.0.0.1", "[::1]", "10.1.2.3", "192.0.0.192", "[fec0::1]", "[3fff::1]", "localhost", "a.localhost"]


@pytest.mark.parametrize("host", LITERALS)
def test_a_private_target_is_refused_when_it_is_registered(host: str) -> None:
    with pytest.raises(Invalid, match="YUJING_ALLOW_PRIVATE_TARGETS") as refused:
        Guard().check_url(f"https://{host}:8443/hook")
    assert (refused.value.field, refused.value.code) == ("url", "address-not-allowed")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/", "http://127.0.0.1/", "https://127.0.0.1:9/", "http://localhost:9/"]
)
def test_inside_an_allowed_network_every_scheme_and_port_is_open(url: str) -> None:
    LOOPBACK.check_url(url)


@pytest.mark.parametrize("host", ["hooks.example", "93.184.216.34", "[2606:2800:220:1::1946]"])
@pytest.mark.parametrize(
    ("scheme", "port", "open_by_default"),
    [
        ("https", 443, True), ("https", 8443, True), ("https", 1024, True), ("https", 65535, True),
        ("https", 22, False), ("https", 80, False), ("https", 1023, False),
        ("http", 80, False), ("http", 443, False), ("http", 8080, False),
    ],
)  # fmt: skip
def test_public_targets_are_https_on_ordinary_ports_and_what_the_operator_lists(
    host: str, scheme: str, port: int, open_by_default: bool
) -> None:
    url = f"{scheme}://{host}:{port}/hook"
    if open_by_default:
        assert LOOPBACK.check_url(url).port == port
    else:
        with pytest.raises(Invalid, match=r"YUJING_PUSH_PORTS.*YUJING_ALLOW_PRIVATE_TARGETS") as refused:
            LOOPBACK.check_url(url)
        assert refused.value.code == "port-not-allowed"
    assert Guard(ports=[f"{scheme}:{port}"]).check_url(url) == read_target(url)
