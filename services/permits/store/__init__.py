"""The rows of this service."""
