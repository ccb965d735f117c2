"""The life of a stage command: read the document, adopt a finished result, publish a new one, end with the right exit code."""
