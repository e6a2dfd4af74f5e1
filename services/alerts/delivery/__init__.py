"""How pushes and the event stream leave."""
