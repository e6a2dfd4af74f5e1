"""Risks seen in what was decided or did not come: one file a kind."""
