"""A sample of many outlets for tests that count: one enterprise, one permit, one point an outlet, one excess a point."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from tests.support.product import Source, credit_code


@dataclass(frozen=True)
class SampleEnterprise:
    """`outlets` outlets of one enterprise; the n-th point's frames come from `source(n)`."""

    number: int
    outlets: int = 10
    region: str = "150102"

    @property
    def code(self) -> str:
        return credit_code(self.number, self.region)

    def sources(self) -> list[OutletSource]:
        return [OutletSource(number=self.number, region=self.region, nth=n) for n in range(self.outlets)]

    def document(self) -> dict[str, Any]:
        first = Source(number=self.number, region=self.region)
        outlets = [source.outlet() for source in self.sources()]
        return first.document(outlets=outlets)

    def register(self, client: httpx.Client) -> None:
        first = Source(number=self.number, region=self.region)
        for path, body in (
            (f"/permits/v1/enterprises/{self.code}", first.enterprise()),
            (f"/permits/v1/permits/{first.permit}", self.document()),
        ):
            answer = client.put(path, json=body)
            assert answer.status_code in (200, 201), answer.text


@dataclass(frozen=True)
class OutletSource(Source):
    """One outlet of a sample."""

    nth: int = 0
    reference_o2_pct: str | None = None

    @property
    def mn(self) -> str:
        return f"A{self.region}_{self.number:04d}_{self.nth:03d}"

    def outlet(self) -> dict[str, Any]:
        (outlet,) = super().document()["outlets"]
        return {**outlet, "code": f"DA{self.nth + 1:03d}", "name": f"{self.nth + 1}号烟囱"}

    def excess(self, start: datetime) -> bytes:
        """One hour 20 % over the limit of 35."""
        return self.hour(start, 42.0, o2=None, qn=f"{start:%Y%m%d}{self.number:05d}{self.nth:04d}")
