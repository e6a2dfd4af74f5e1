"""The `yujing` command: the only reader of arguments and environment. Names → build → host."""

from __future__ import annotations

from services.commands import app


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
