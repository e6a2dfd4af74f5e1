"""What the CloudEvents of this installation name as their source, and where the schema of their data is read.

Pure. With a public URL both are absolute, so that two installations differ; without one they are paths.
"""

from __future__ import annotations

ALERTS_PATH = "/alerts/v1/alerts"
SCHEMAS_PATH = "/alerts/v1/schemas"
ALERT, DIGEST, NOTICE = "alert", "digest", "notice"  # names of schemas


def source(public_url: str) -> str:
    """`https://yujing.example.cn/alerts`; `/alerts` without a public URL."""
    return f"{public_url.rstrip('/')}/alerts"


def schema_url(public_url: str, name: str) -> str:
    """Where the schema of this name is read."""
    return f"{public_url.rstrip('/')}{SCHEMAS_PATH}/{name}.json"


def alert_url(public_url: str, alert_id: str) -> str:
    """Where the alert is read."""
    return f"{public_url.rstrip('/')}{ALERTS_PATH}/{alert_id}"
