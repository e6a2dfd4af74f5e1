"""import, expiring, keys: the verbs of permits."""

from __future__ import annotations

from functools import partial

import typer

from services.composition import open_service
from services.permits.commands import add_commands

app = typer.Typer()
add_commands(app, partial(open_service, "permits"))
