"""A token that asks too often learns when to come again; long polls and streams are one call, bodies of packets count apart."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.product import running

SLOW = {"YUJING_TOKEN_CALLS_PER_S": "1", "YUJING_TOKEN_CALLS_BURST": "20"}
METRIC = 'yujing_http_rate_limited_total{reason="calls",role="admin"}'


def test_a_token_over_its_budget_comes_again_and_nobody_else_feels_it(tmp_path: Path) -> None:
    with running(tmp_path, **SLOW) as host, host.client() as admin:
        assert f"{METRIC} 0.0" in _metrics(host.base_url)
        made = admin.post("/permits/v1/keys", json={"role": "officer", "subject": "desk", "region": "15"}).json()
        answers = [admin.get("/alerts/v1/alerts") for _ in range(40)]
        refused = [one for one in answers if one.status_code == 429]
        assert {one.status_code for one in answers} == {200, 429}
        assert all(int(one.headers["retry-after"]) >= 1 for one in refused)
        assert {one.json()["code"] for one in refused} == {"rate-limited"}

        packets = [admin.post("/monitoring/v1/packets", json=[]) for _ in range(30)]
        assert {one.status_code for one in packets} == {202}
        with host.client(made["token"]) as officer:
            assert officer.get("/alerts/v1/alerts").status_code == 200
            with officer.stream("GET", "/alerts/v1/stream") as stream:
                assert next(stream.iter_lines()) == "retry: 3000"
            assert officer.get("/alerts/v1/events", params={"wait": 0.2}).status_code == 200

        counted = [line for line in _metrics(host.base_url) if line.startswith(METRIC)]
        assert counted == [f"{METRIC} {len(refused)}.0"]
        lines = [line for line in host.log_file.read_text().splitlines() if "has used up its budget" in line]
        assert len(lines) == 1 and host.token() not in lines[0]


def _metrics(url: str) -> list[str]:
    return httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()
