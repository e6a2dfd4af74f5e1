"""The history of the tables of alerts."""
