"""The history of monitoring's tables."""
