"""The metrics of one host, on its own registry (two hosts in one test never collide). Labels are small closed sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LAG_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 21600, 86400)
LATENCY_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300)


class Metrics:
    """Names are `yujing_<thing>_<unit|total>`; never an enterprise, permit or point in a label."""

    def __init__(self) -> None:
        r = self.registry = CollectorRegistry()
        self.ingest_packets = Counter(
            "yujing_ingest_packets", "Packets taken in or turned away", ["ingress", "outcome"], registry=r
        )
        self.ingest_lag = Histogram(
            "yujing_ingest_event_time_lag_seconds",
            "Field time of taking less data time",
            buckets=LAG_BUCKETS,
            registry=r,
        )
        self.gateway_connections = Gauge("yujing_gateway_connections", "Open connections of loggers", registry=r)
        self.gateway_closed = Counter(
            "yujing_gateway_closed", "Connections that the gateway closed", ["reason"], registry=r
        )
        self.gateway_refused = Counter(
            "yujing_gateway_refused", "Frames not taken, kept in quarantine or not", ["reason"], registry=r
        )
        self.gateway_brakes = Counter(
            "yujing_gateway_brakes", "Addresses and points slowed down for wrong passwords", ["scope"], registry=r
        )
        self.gateway_frames = Counter("yujing_gateway_frames", "Frames cut, by fault", ["fault"], registry=r)
        self.windows_unfinished = Counter(
            "yujing_windows_unfinished", "Windows reported before their end, kept until then", ["averaging"], registry=r
        )
        self.stage_last = Gauge(
            "yujing_pipeline_last_event_timestamp_seconds", "When a stage last handled something", ["stage"], registry=r
        )
        self.lag_records = Gauge(
            "yujing_log_consumer_lag_records", "Records not yet read", ["topic", "group"], registry=r
        )
        self.lag_seconds = Gauge(
            "yujing_log_consumer_lag_seconds",
            "Age of the newest record handled, 0 if caught up",
            ["topic", "group"],
            registry=r,
        )
        self.unread_partitions = Gauge(
            "yujing_log_unread_partitions", "Partitions with records that nobody reads", ["topic", "group"], registry=r
        )
        self.quarantined = Counter("yujing_quarantine", "What could not be understood", ["reason"], registry=r)
        self.item_notes = Counter(
            "yujing_packet_items_noted", "Items of packets that were bad or odd, by fault", ["fault"], registry=r
        )
        self.poisoned = Counter("yujing_handler_poison", "Records that a handler failed on", ["topic"], registry=r)
        self.worker_failures = Counter(
            "yujing_worker_failures", "Workers that raised and were started again", ["worker"], registry=r
        )
        self.risks_published = Counter("yujing_risks", "Risks opened, changed, cleared", ["kind", "change"], registry=r)
        self.alerts_issued = Counter("yujing_alerts_issued", "Alerts issued", ["kind", "level"], registry=r)
        self.alert_latency = Histogram(
            "yujing_alert_issue_latency_seconds", "Risk appended to alert issued", buckets=LATENCY_BUCKETS, registry=r
        )
        self.push_decisions = Counter("yujing_push_decisions", "Why a push was made or not", ["reason"], registry=r)
        self.delivery_attempts = Counter(
            "yujing_delivery_attempts", "Attempts by outcome", ["channel", "outcome", "reason"], registry=r
        )
        self.delivery_failures = Counter(
            "yujing_delivery_failures", "Steps of delivery that raised what nobody foresaw", ["step"], registry=r
        )
        self.delivery_latency = Histogram(
            "yujing_delivery_latency_seconds", "Push due to delivered", buckets=LATENCY_BUCKETS, registry=r
        )
        self.delivery_oldest = Gauge("yujing_delivery_queue_oldest_age_seconds", "Oldest push overdue", registry=r)
        self.endpoints = Gauge("yujing_endpoints", "Endpoints", ["state"], registry=r)
        self.outbox_pending = Gauge("yujing_outbox_pending", "Rows not yet on the log", ["service"], registry=r)
        self.outbox_oldest = Gauge(
            "yujing_outbox_oldest_age_seconds", "Oldest row not on the log", ["service"], registry=r
        )
        self.job_success = Gauge(
            "yujing_job_last_success_timestamp_seconds", "When a job last ended well", ["job"], registry=r
        )
        self.job_failures = Counter("yujing_job_failures", "Jobs that raised", ["job"], registry=r)
        self.import_failures = Counter("yujing_import_failures", "Imports that failed", ["reason"], registry=r)
        self.register_age = Gauge("yujing_register_age_seconds", "Since the last record of the register", registry=r)
        self.calendar_year = Gauge(
            "yujing_calendar_last_official_year", "Last year with a published calendar", registry=r
        )
        self.requests = Histogram(
            "yujing_http_request_duration_seconds",
            "Requests",
            ["method", "route", "status"],
            buckets=LATENCY_BUCKETS,
            registry=r,
        )
        self.http_refused = Counter("yujing_http_refused", "Bodies refused, by code", ["reason"], registry=r)
        self.build = Gauge("yujing_build_info", "Version", ["version"], registry=r)
