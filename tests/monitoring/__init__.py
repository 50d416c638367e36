"""What watches the services: rules, alerts and dashboards."""
