"""The formats the register comes in: readers give rows with their line, cleaning mends what is certain and tells it."""
