"""What the terminal shows while the region lives: one line an event, a status line now and then, a table at the end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.domain.clock import SHANGHAI

from .fleet import Stats
from .receiver import Message, Receiver

_LEVELS = {
    "blue": ("蓝 IV", "blue"),
    "yellow": ("黄 III", "yellow"),
    "orange": ("橙 II", "dark_orange"),
    "red": ("红 I", "bold red"),
}
_CHANGES = {"issued": "预警 alert  ", "changed": "更新 changed", "closed": "关闭 closed "}


class Screen:
    """Lines on a rich console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, tuple[object, bool]] = {}  # alert → level and whether it is cleared

    def say(self, text: str) -> None:
        self._console.print(escape(text), highlight=False)

    def alert(self, event: Mapping[str, Any], now: datetime) -> None:
        """An event of the public stream; of changes only a new level and the all-clear are worth a line."""
        data = event["data"]
        standing = (data.get("level"), data.get("cleared_at") is not None)
        if self._shown.get(event["subject"]) == standing:
            return
        self._shown[event["subject"]] = standing
        words = str(event.get("type", "")).split(".")
        what = _CHANGES.get(words[-2] if len(words) > 1 else "", str(event.get("type")))
        self._line(now, what, _level(data), _headline(data))

    def webhook(self, message: Message, now: datetime) -> None:
        """A message that the receiver verified."""
        data = message.event.get("data", {})
        name = (data.get("enterprise") or {}).get("name", "")
        words = f"{name} ← {data.get('kind', message.event.get('type'))}  {message.webhook_id}"
        self._line(now, "推送 webhook", "[green]✓ 验签 verified[/]", escape(words))

    def status(self, field_now: datetime, stats: Stats, over: int, alerts: int, receiver: Receiver | None) -> None:
        """One line of counts; `over`: windows over their limits."""
        counts = [
            f"现场时间 field {field_now.astimezone(SHANGHAI):%m-%d %H:%M}",
            f"报文 packets {stats.sent}",
            f"已应答 acknowledged {stats.acknowledged}",
        ]
        counts.append(f"超标时段 risks {over}")
        if receiver is not None:
            counts += [f"预警 alerts {alerts}", f"已验签 webhooks verified {receiver.verified}"]
        self._console.print(f"[dim]—— {' · '.join(counts)}[/]", highlight=False, soft_wrap=True)

    def summary(self, told: Mapping[str, Any]) -> None:
        """The numbers and the promises."""
        self._console.print(_numbers(told))
        promises = Table("承诺 promised", "", "", title="承诺 Promises", title_justify="left")
        for check in told["checks"]:
            sign = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "[dim]…[/]"}[check["ok"]]
            promises.add_row(escape(check["name"]), sign, escape(check["detail"]))
        self._console.print(promises)

    def _line(self, now: datetime, what: str, mark: str, words: str) -> None:
        clock = f"{now.astimezone(SHANGHAI):%H:%M:%S}"
        self._console.print(f"[dim]{clock}[/] {what} {mark} {words}", highlight=False, soft_wrap=True)


def _level(data: Mapping[str, Any]) -> str:
    text, colour = _LEVELS.get(str(data.get("level")), ("", "white"))
    return f"[{colour}]{text:<5}[/]"


def _headline(data: Mapping[str, Any]) -> str:
    headline = data.get("headline") or {}
    return f"{escape(str(headline.get('zh', data.get('kind', ''))))}  [dim]{escape(str(headline.get('en', '')))}[/]"


def _numbers(told: Mapping[str, Any]) -> Table:
    table = Table("数目 number", "", title="小结 Summary", title_justify="left")
    packets, alerts, webhooks = told["packets"], told["alerts"], told["webhooks"]
    rows: list[tuple[str, Any]] = [
        ("企业 enterprises / 监测点 points", f"{told['enterprises']} / {told['points']}"),
        ("报文 packets / 已应答 acknowledged / 重发 resent",
         f"{packets['sent']} / {packets['acknowledged']} / {packets['resent']}"),
        ("超标时段 exceedances", told["exceedances"]),
        ("隔离报文 quarantined", told["quarantined"]),
        ("预警 alerts", f"{alerts['total']}  {_counts(alerts['by_level'])}"),
        ("推送 deliveries", _counts(told["deliveries"])),
    ]  # fmt: skip
    if webhooks is not None:
        words = f"{webhooks['verified']} / {webhooks['repeated']} / {webhooks['refused']}"
        rows.append(("推送 webhooks 已验签 verified / 重复 repeated / 拒签 refused", words))
    for name, value in rows:
        table.add_row(name, escape(str(value)))
    return table


def _counts(counts: Mapping[str, int]) -> str:
    return " · ".join(f"{name} {count}" for name, count in counts.items()) or "0"
