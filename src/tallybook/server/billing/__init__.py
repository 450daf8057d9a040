"""Changes across rooms, a file each. Owns no facts."""
