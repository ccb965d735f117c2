"""The shell on a cluster: watches, queue, API client, lease, metrics and the entry point."""
