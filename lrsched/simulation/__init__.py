"""Offline questions to recorded histories. Pure."""
