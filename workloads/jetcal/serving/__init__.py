"""Asking a served or exported model for corrections."""
