"""What is told of the service's work: logs, metrics, the record of a request, traces."""
