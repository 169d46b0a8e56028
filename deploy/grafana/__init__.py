"""Dashboards as code: written here, shipped as JSON, put into a Grafana by `lifeline grafana push` or by compose."""
