"""What happens to alerts, whoever moves them; inside the caller's transaction."""
