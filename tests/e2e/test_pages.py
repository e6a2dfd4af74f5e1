"""What a browser opens works without the internet: the index, and each service's API description with all its operations."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from services.composition import SERVICES
from tests.support.browser import rendered
from tests.support.distributed import Distributed
from tests.support.product import Process


class Loaded(HTMLParser):
    """The addresses that a page loads or links to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("script", "link", "img"):
            self.loads.append(found.get("src") or found.get("href") or "inline")
        elif tag == "a":
            self.links.append(found["href"] or "")


def base_url(product: Process | Distributed, service: str) -> str:
    return product.base_url if isinstance(product, Process) else product.processes[service].base_url


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=10, trust_env=False)


@pytest.mark.parametrize("service", SERVICES)
def test_a_browser_without_internet_lists_every_operation(
    product: Process | Distributed, service: str, tmp_path: Path
) -> None:
    base = base_url(product, service)
    document = get(f"{base}/{service}/v1/openapi.json").json()
    shown_parts = (document["paths"], document.get("webhooks", {}))  # what is called, and what a receiver gets
    operations = {(path, verb) for part in shown_parts for path, found in part.items() for verb in found}
    shown = rendered(f"{base}/{service}/v1/docs", tmp_path / "profile")
    blocks = re.findall(r'class="opblock opblock-(\w+)', shown)
    assert len(blocks) == len(operations) > 3
    assert set(re.findall(r'data-path="([^"]+)"', shown)) == {path for path, _ in operations}
    assert "btn authorize" in shown


@pytest.mark.parametrize("service", SERVICES)
def test_a_page_loads_nothing_from_elsewhere_and_its_policy_forbids_it(
    product: Process | Distributed, service: str
) -> None:
    base = base_url(product, service)
    for path in ("/", "/docs", f"/{service}/v1/docs"):
        page = get(base + path)
        assert page.status_code == 200, path
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert not re.search(r"https?:|unsafe|\*", policy), policy
        loaded = Loaded(page.text)
        assert all((one.startswith("/") and not one.startswith("//")) or one == "data:," for one in loaded.loads), path
        for address in (*loaded.loads, *loaded.links):
            if address != "data:,":
                assert get(base + address).status_code == 200, f"{path} → {address}"


def test_the_index_leads_to_every_service_and_to_the_state_of_the_host(product: Process | Distributed) -> None:
    for service in SERVICES:
        links = Loaded(get(base_url(product, service) + "/").text).links
        assert {f"/{service}/v1/docs", f"/{service}/v1/openapi.json", "/healthz", "/readyz", "/metrics"} <= set(links)


def test_a_document_says_that_a_bearer_token_is_needed(product: Process | Distributed) -> None:
    for service in SERVICES:
        document = get(f"{base_url(product, service)}/{service}/v1/openapi.json").json()
        (scheme,) = document["components"]["securitySchemes"].values()
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
        assert document["security"] == [{"bearer": []}]
