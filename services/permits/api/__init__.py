"""HTTP in: shapes, routes. Rules live in `domain`, effects in `handlers`."""
