"""The metrics of one host, on its own registry (two hosts in one test never collide). Labels are small closed sets.

Each help text is Chinese, then English; docs/metrics.md is made from them (tests/support/metrics_document.py). A counter
whose label values are known begins at 0 (`begin`): one that appears with its first event has no increase for a rule to see.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

LAG_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 21600, 86400)
LATENCY_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300)


def begin(metric: Counter, *values: Iterable[str]) -> None:
    """Have the counter stand at 0 for every combination of these label values, in the order of its labels."""
    for combination in product(*values):
        metric.labels(*combination)


class Metrics:
    """Names are `yujing_<thing>_<unit|total>`; never an enterprise, permit or point in a label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._intake()
        self._flow()
        self._warnings()
        self._requests()

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"yujing_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"yujing_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = LATENCY_BUCKETS
    ) -> Histogram:
        return Histogram(f"yujing_{name}", text, labels, buckets=buckets, registry=self.registry)

    def _intake(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.ingest_packets = counter(
            "ingest_packets", "收到的数据包，按入口与结果 / Packets taken in or turned away", ["ingress", "outcome"]
        )
        self.ingest_lag = self._histogram(
            "ingest_event_time_lag_seconds",
            "数据到达时的滞后秒数 / How late data arrive: time of taking less data time, by the field clock",
            buckets=LAG_BUCKETS,
        )
        self.gateway_connections = gauge("gateway_connections", "数采仪当前连接数 / Open connections of loggers")
        self.gateway_closed = counter(
            "gateway_closed", "网关关闭的连接 / Connections that the gateway closed", ["reason"]
        )
        self.gateway_refused = counter(
            "gateway_refused",
            "未接收的报文，无论是否隔离 / Frames not taken, kept in quarantine or not; not-compared: too many passwords were"
            " wrong before",
            ["reason"],
        )
        self.gateway_brakes = counter(
            "gateway_brakes",
            "因口令错误而限速的地址与点位 / Addresses and points slowed down for wrong passwords",
            ["scope"],
        )
        self.gateway_frames = counter("gateway_frames", "切分的报文，按缺陷 / Frames cut, by fault", ["fault"])
        self.windows_unfinished = counter(
            "windows_unfinished",
            "时段未结束即上报的数据，结束后再判 / Windows reported before their end, decided then; many: the points stamp the end"
            " of the period",
            ["averaging"],
        )
        self.quarantined = counter("quarantine", "已隔离的内容 / What could not be used and was kept", ["reason"])
        self.item_notes = counter(
            "packet_items_noted", "数据包内有缺陷的数据项 / Items of packets that were bad or odd, by fault", ["fault"]
        )

    def _flow(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.stage_last = gauge(
            "pipeline_last_event_timestamp_seconds",
            "环节最近一次处理的时间 / When a stage last handled something",
            ["stage"],
        )
        self.lag_records = gauge("log_consumer_lag_records", "未读的记录数 / Records not yet read", ["topic", "group"])
        self.lag_seconds = gauge(
            "log_consumer_lag_seconds",
            "处理滞后秒数，0 为已读完 / Age of the newest record handled while others wait; 0: all is read",
            ["topic", "group"],
        )
        self.unread_partitions = gauge(
            "log_unread_partitions",
            "有记录而无人读取的分区 / Partitions with records whose position has stood still for a minute",
            ["topic", "group"],
        )
        self.poisoned = counter(
            "handler_poison", "处理失败而搁置的记录 / Records that a handler failed on; they were set aside", ["topic"]
        )
        self.worker_failures = counter(
            "worker_failures", "后台任务失败后重启 / Workers that raised and were started again", ["worker"]
        )
        self.outbox_pending = gauge("outbox_pending", "发件箱中未发出的事件 / Events not yet on the log", ["service"])
        self.outbox_oldest = gauge(
            "outbox_oldest_age_seconds",
            "发件箱中最早事件的等待秒数 / Age of the oldest event not on the log",
            ["service"],
        )
        self.job_success = gauge(
            "job_last_success_timestamp_seconds",
            "定时任务最近一次成功 / When a job last ended well (every 15 s)",
            ["task"],
        )
        self.job_failures = counter("job_failures", "定时任务失败 / Runs of jobs that raised", ["task"])
        self.import_failures = counter(
            "import_failures",
            "失败的导入 / Imports that failed: refused (the file), error (unexpected), crashed (the process ended)",
            ["reason"],
        )
        self.register_age = gauge(
            "register_age_seconds",
            "距最近一条登记信息的秒数 / Since the last record of the register (a heartbeat every 20 s)",
        )
        self.calendar_year = gauge(
            "calendar_last_official_year",
            "已有放假通知的最后年份 / Last year whose notice of free days is known; 0 where permits does not run",
        )

    def _warnings(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.risks_published = counter(
            "risks", "风险的出现、变化与消除 / Risks opened, changed, cleared", ["kind", "change"]
        )
        self.alerts_issued = counter("alerts_issued", "发出的预警 / Alerts issued", ["kind", "level"])
        self.alert_latency = self._histogram(
            "alert_issue_latency_seconds", "从风险到预警的秒数 / Risk appended to alert issued"
        )
        self.push_decisions = counter(
            "push_decisions", "推送与否的理由 / Why a push was made or not; peer_…: notices to peers", ["reason"]
        )
        self.delivery_attempts = counter(
            "delivery_attempts",
            "推送尝试，按结果与原因 / Attempts: delivered; refused: not tried again; later: tried again",
            ["channel", "outcome", "reason"],
        )
        self.delivery_failures = counter(
            "delivery_failures",
            "推送环节的意外错误 / Steps of delivery that raised what nobody foresaw; what could not be recorded goes out again",
            ["step"],
        )
        self.delivery_latency = self._histogram(
            "delivery_latency_seconds", "从应发到送达的秒数 / Push due to delivered"
        )
        self.delivery_oldest = gauge(
            "delivery_queue_oldest_age_seconds", "最久未发推送的逾期秒数 / How long the oldest push is overdue"
        )
        self.endpoints = gauge(
            "endpoints",
            "接收端，按状态 / Endpoints; failing: nothing taken for two minutes or longer; paused and disabled receive nothing",
            ["state"],
        )

    def _requests(self) -> None:
        self.requests = self._histogram(
            "http_request_duration_seconds",
            "请求用时（不含长轮询与事件流） / Requests; those that wait for events are in yujing_http_waits_total",
            ["method", "route", "status"],
        )
        self.waits = self._counter(
            "http_waits", "已结束的长轮询与事件流 / Long polls and event streams that ended", ["route", "status"]
        )
        self.http_refused = self._counter(
            "http_refused", "未读完即拒绝的请求体 / Bodies of requests not read to their end, by code", ["reason"]
        )
        self.rate_limited = self._counter(
            "http_rate_limited",
            "因超出令牌请求额度而拒绝的请求 / Requests refused with 429: the token's budget was used up",
            ["reason", "role"],
        )
        self.build = self._gauge("build_info", "版本 / Version", ["version"])
