"""What monitoring does: packets, verdicts, the register's rows, quarantine, due work."""
