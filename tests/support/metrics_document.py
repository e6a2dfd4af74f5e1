"""docs/metrics.md, made from the code: metrics and label values from a host of all services that was not started, alerts from
the rules. `text()` is what the file has to be; tests/support/contracts.py writes and checks it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import Metric

from services.composition import SERVICES, build_service, make_context
from shared.runtime.host import Host
from shared.runtime.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
LAYOUT_LABELS = frozenset({"le", "version"})
HEAD = """# What to watch · 指标与处置

Made from the code: `make check` fails when it is not in step, `python -m tests.support.contracts --write` writes it anew.

Every process serves `/metrics`, `/healthz` and `/readyz`; with `YUJING_METRICS_PORT` set, `/metrics` is on that port alone.
[`deploy/prometheus/rules.yaml`](../deploy/prometheus/rules.yaml)
holds the alerts. `process_*` (memory, CPU time, file descriptors) and `python_info` are there too. Counters whose label values
are known begin at 0.

Log lines: `request`, one a request (method, route template, status, `took_ms`, `size`, the caller's role and subject; see
`YUJING_ACCESS_LOG`); `a caller without a valid token was refused`, one a minute for each address and reason; `a token
has used up its budget of calls`, one a minute for each token and budget; `a push was not delivered`, one a minute for each
endpoint. All lines of a request hold its `request_id`, which is in the answer as `X-Request-Id` and in every problem.

## Metrics · 指标

| metric | shows | labels and their values | alerts |
| --- | --- | --- | --- |
"""
READ_ON = {
    "yujing_windows_unfinished": "[period stamps](failure-semantics.md#what-a-value-has-to-be)",
    "yujing_packet_items_noted": "[what an odd packet costs](failure-semantics.md#what-an-odd-packet-costs)",
    "yujing_gateway_closed": "[many loggers behind one address](failure-semantics.md#many-loggers-behind-one-address)",
    "yujing_gateway_brakes": "[guessed passwords](failure-semantics.md#when-somebody-guesses-a-loggers-password)",
}
ALERTS = """
## Alerts · 告警

| alert | severity | says | what to do |
| --- | --- | --- | --- |
"""


def text() -> str:
    """The whole document."""
    rules = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    alerts = [rule for rule in rules if "alert" in rule]
    metrics = "".join(_metric(family, labels, rules) for family, labels in _families())
    return HEAD + metrics + ALERTS + "".join(map(_alert, alerts))


def _families() -> list[tuple[Metric, tuple[str, ...]]]:
    """Our metrics in the order of the code, each with the names of its labels."""
    with tempfile.TemporaryDirectory() as folder:
        context = make_context(load_settings(data_dir=Path(folder)), exclusive=False)
        services = [build_service(context, name) for name in SERVICES]
        Host(context, services)
        declared = {
            metric._name: tuple(metric._labelnames)
            for metric in vars(context.metrics).values()
            if hasattr(metric, "_labelnames")
        }
        found = [
            (family, declared[family.name]) for family in context.metrics.registry.collect() if family.name in declared
        ]
        for service in services:
            service.database.close()
        context.log.close()
    return found


def _metric(family: Metric, labels: tuple[str, ...], rules: list[dict[str, Any]]) -> str:
    name = family.name + ("_total" if family.type == "counter" else "")
    named = f"`{name}{{{','.join(labels)}}}`" if labels else f"`{name}`"
    values = "; ".join(_values(family, label) for label in labels if label not in LAYOUT_LABELS)
    fires = ", ".join(
        f"`{rule['alert']}`" for rule in rules if "alert" in rule and family.name in _expressions(rule, rules)
    )
    more = f"; {READ_ON[family.name]}" if family.name in READ_ON else ""
    return f"| {named} | {family.documentation}{more} | {values} | {fires} |\n"


def _expressions(rule: dict[str, Any], rules: list[dict[str, Any]]) -> str:
    """The alert's expression, with those of the recorded series that it names."""
    own = str(rule["expr"])
    return own + "".join(str(one["expr"]) for one in rules if "record" in one and one["record"] in own)


def _values(family: Metric, label: str) -> str:
    known = sorted({sample.labels[label] for sample in family.samples if label in sample.labels})
    return f"{label}: {', '.join(known)}" if known else label


def _alert(rule: dict[str, Any]) -> str:
    notes = rule["annotations"]
    return f"| `{rule['alert']}` | {rule['labels']['severity']} | {notes['summary']} | {notes['action']} |\n"
