"""Grafana dashboards as Python values: `python -m dashboards` writes grafana/*.json, which are what Grafana reads."""
