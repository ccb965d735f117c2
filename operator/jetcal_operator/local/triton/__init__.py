"""A real tritonserver on one machine: its environment, its process and a backend for ONNX models."""
