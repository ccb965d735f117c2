"""The cluster on one machine: objects in a folder, controllers as threads, Pods as processes."""
