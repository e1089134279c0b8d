"""Many files without a web server: on this machine or by a remote service, into a results file."""
