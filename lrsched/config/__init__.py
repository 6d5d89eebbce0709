"""Configuration: files -> settings -> schedules. Pure."""
