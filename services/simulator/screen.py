"""What the terminal shows while the region lives: one line an event, a status line now and then, a table at the end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from shared.domain.clock import SHANGHAI
from shared.domain.events import DIGEST
from shared.domain.json import JsonObject, read_objects

from .fleet import Stats
from .officers import OFFICERS, SUBSCRIBED
from .receiver import Message, Receiver
from .seen import object_in, text_in
from .summary import Report

_LEVELS = {
    "blue": ("蓝 IV", "blue"),
    "yellow": ("黄 III", "yellow"),
    "orange": ("橙 II", "dark_orange"),
    "red": ("红 I", "bold red"),
}
FORERUNNER = "emission.nearing"  # that it is over needs no line: the excess itself has one
_CHANGES = {"issued": "预警 alert  ", "changed": "更新 changed", "closed": "关闭 closed "}


class Screen:
    """Lines on a rich console."""

    def __init__(self, console: Console, names: Mapping[str, str]) -> None:
        """`names`: of the enterprises, by credit code."""
        self._console = console
        self._names = names
        self._shown: dict[str, tuple[object, ...]] = {}  # alert → level, condition and whether it is cleared

    def say(self, text: str) -> None:
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    def alert(self, event: JsonObject, now: datetime) -> None:
        """An event of the public stream; of changes only a new level, a new step and the all-clear are worth a line."""
        data, subject = object_in(event, "data"), text_in(event, "subject")
        cleared = data.get("cleared_at") is not None
        standing = (data.get("level"), data.get("condition"), cleared)
        former = self._shown.get(subject)
        self._shown[subject] = standing
        if former == standing or (cleared and data.get("kind") == FORERUNNER):
            return
        words = str(event.get("type", "")).split(".")
        what = _CHANGES.get(words[-2] if len(words) > 1 else "", str(event.get("type")))
        self._line(now, what, _level(data), _headline(data))

    def webhook(self, message: Message, now: datetime) -> None:
        """A message that the receiver verified, and whose it is."""
        data = object_in(message.event, "data")
        about = text_in(object_in(data, "enterprise"), "name")
        what = str(data.get("kind", message.event.get("type")))
        if message.event.get("type") == DIGEST:
            what = f"摘要 digest {text_in(data, 'reason')}: {len(read_objects(data, 'alerts'))} 条预警 alerts"
        officer = OFFICERS.get(message.owner)
        channel = "订阅 officer" if message.owner in SUBSCRIBED else "推送 webhook"
        to = f"[cyan]{escape(officer)}[/]" if officer else escape(self._names.get(message.owner, ""))
        words = f"{to} ← {escape(f'{about} {what}' if officer and about else what)}"
        self._line(now, channel, "[green]✓ 验签[/]", words)

    def notice(self, event: JsonObject, now: datetime) -> None:
        """A peer notice on the stream."""
        self._line(now, "提醒 peers  ", "[magenta]同行业[/]", _headline(object_in(event, "data")))

    def all_notified(self, enterprises: int, bodies: int, now: datetime) -> None:
        """The last enterprise of a class has the notice."""
        same = "逐字节相同、不指名 byte for byte the same, naming nobody" if bodies == 1 else f"{bodies} bodies"
        words = f"[magenta]{enterprises} 家同类企业收到同一提醒[/] all {enterprises} of the class have it: {same}"
        self._line(now, "推送 webhook", "[green]✓ 验签[/]", words)

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

    def summary(self, report: Report) -> None:
        """The numbers and the promises."""
        self._console.print(_numbers(report))
        promises = Table(
            Column("承诺 promised", overflow="fold"),
            "兑现 kept",
            "所见 seen",
            title="承诺 Promises",
            title_justify="left",
        )
        for check in report.checks:
            sign = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "[dim]…[/]"}[check.ok]
            promises.add_row(escape(check.name), sign, escape(check.detail))
        self._console.print(promises)

    def _line(self, now: datetime, what: str, mark: str, words: str) -> None:
        clock = f"{now.astimezone(SHANGHAI):%H:%M:%S}"
        self._console.print(f"[dim]{clock}[/] {what} {mark} {words}", highlight=False, soft_wrap=True)


def _level(data: JsonObject) -> str:
    text, colour = _LEVELS.get(str(data.get("level")), ("", "white"))
    return f"[{colour}]{text:<5}[/]"


def _headline(data: JsonObject) -> str:
    """Chinese first; the English beside it without the names, which stand there already."""
    headline = object_in(data, "headline")
    english = text_in(headline, "en")
    words = "cleared" if english.startswith("[Cleared] ") else english.partition(": ")[2] or english
    return f"{escape(str(headline.get('zh', data.get('kind', ''))))}  [dim]{escape(words)}[/]"


def _numbers(report: Report) -> Table:
    table = Table("项目 item", "数目 number", title="小结 Summary", title_justify="left")
    stats, found, webhooks = report.stats, report.found, report.webhooks
    rows = [
        ("企业 enterprises / 监测点 points", f"{report.enterprises} / {report.points}"),
        ("报文 packets / 已应答 acknowledged / 重发 resent", f"{stats.sent} / {stats.acknowledged} / {stats.resent}"),
        ("超标时段 exceedances", f"{found.exceedances}"),
        ("隔离报文 quarantined", f"{found.quarantined}"),
        ("预警 alerts", f"{len(found.alerts)}  {_counts(report.by_level)}"),
        ("推送 deliveries", _counts(report.by_state)),
    ]
    if webhooks is not None:
        words = f"{webhooks.verified} / {webhooks.repeated} / {webhooks.refused}"
        rows.append(("推送 webhooks 已验签 verified / 重复 repeated / 拒签 refused", words))
    for name, value in rows:
        table.add_row(name, escape(value))
    return table


def _counts(counts: Mapping[str, int]) -> str:
    return " · ".join(f"{name} {count}" for name, count in counts.items()) or "0"
