"""Other stream processors given the same packets: each in a process, and an environment, of its own."""
