"""What users would pick instead, made to do the same work on the same files."""
