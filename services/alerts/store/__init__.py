"""Rows of alerts: what became of risks, who is to be told, and every attempt to tell them."""
