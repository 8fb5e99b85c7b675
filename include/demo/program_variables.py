"""The environment variables by which the demo's programs are told where things are."""

from __future__ import annotations

LOG_URL_VARIABLE = "DRIFTLINE_DEMO_LOG_URL"
"""URL of the role that owns the prediction log."""
MODELS_VARIABLE = "DRIFTLINE_DEMO_MODELS"
"""Folder of the trained models."""
ROUTES_URL_VARIABLE = "DRIFTLINE_DEMO_ROUTES_URL"
"""URL of the store, where the routes are."""
FAULTS_VARIABLE = "DRIFTLINE_DEMO_FAULTS"
"""File of what is broken in the serving application."""
SERVING_PORT_VARIABLE = "DRIFTLINE_DEMO_SERVING_PORT"
SERVING_HOST_VARIABLE = "DRIFTLINE_DEMO_SERVING_HOST"
"""Default 127.0.0.1: the application asks nobody who they are. A container listens on its own network."""
SERVING_URL_VARIABLE = "DRIFTLINE_DEMO_SERVING_URL"
"""Where the serving application answers."""
