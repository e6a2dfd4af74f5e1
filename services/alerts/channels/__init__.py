"""Channels: one file each, and the one list of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.alerts.channels.base import Channel
from services.alerts.channels.guard import Guard
from services.alerts.channels.webhook import WebhookChannel

Channels = Mapping[str, Channel]


def all_channels(guard: Guard) -> Channels:
    """Every channel by its kind."""
    return by_kind([WebhookChannel(guard)])


def by_kind(channels: Iterable[Channel]) -> Channels:
    return {channel.kind: channel for channel in channels}
