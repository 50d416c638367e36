"""Framelog's Grafana dashboards, written by Grafana's own typed models: `make dashboards`."""
