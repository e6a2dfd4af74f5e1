"""HTTP of alerts: the inbox, events, endpoints, deliveries, subscriptions, peer notices. Decides nothing; handlers do."""

from __future__ import annotations

PREFIX = "/alerts/v1"
TAGS = {
    "alerts": "预警 / Alerts",
    "events": "事件 / Events",
    "endpoints": "推送端点 / Endpoints",
    "deliveries": "推送记录 / Deliveries",
    "subscriptions": "订阅 / Subscriptions",
    "peer-notices": "同行提醒 / Peer notices",
    "divisions": "区域 / Divisions",
    "offices": "联系单位 / Offices",
    "webhooks": "推送内容 / What an endpoint receives",
}
