"""Load, decide, save, say: what each door does to the register. Callers own the transaction."""
