"""Driftline's own tables: every SQL statement that writes is in this room."""
