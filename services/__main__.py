"""The `yujing` command: the only reader of arguments and environment. Names → build → host."""

from __future__ import annotations

import os

from services.commands import app
from shared.private_files import OTHERS


def main() -> None:
    """The console script. What it writes is its owner's alone."""
    os.umask(OTHERS)
    app()


if __name__ == "__main__":
    main()
