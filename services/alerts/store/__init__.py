"""Rows of alerts: what became of risks, who is to be notified, and every attempt to deliver a push."""
