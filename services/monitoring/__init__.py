"""What the outlets emit, and whether it is too much."""
