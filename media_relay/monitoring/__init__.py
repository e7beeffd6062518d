"""What every long-running process offers to those who watch it: metrics for Prometheus and health checks."""
