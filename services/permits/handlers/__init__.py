"""Load, decide, save, publish: what each request, record and job does to the register. Callers own the transaction."""
