"""alerts, deliveries, endpoints: the verbs of alerts."""

from __future__ import annotations

from functools import partial

import typer

from services.alerts.commands import add_commands
from services.composition import open_service

app = typer.Typer()
add_commands(app, partial(open_service, "alerts"))
