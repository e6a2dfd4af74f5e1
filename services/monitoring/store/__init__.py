"""Monitoring's rows. `tables.py` says what there is; the other modules read and write it, one family each."""
