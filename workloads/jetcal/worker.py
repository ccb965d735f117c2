"""The life of a stage command: adopt a finished result or publish a new one, and end with the right exit code."""
