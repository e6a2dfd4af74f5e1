"""archive, capacity: the verbs of what is measured."""

from __future__ import annotations

from functools import partial

import typer

from services.composition import open_service
from services.monitoring.commands import add_capacity, add_commands

app = typer.Typer()
add_commands(app, partial(open_service, "monitoring"))
add_capacity(app)
