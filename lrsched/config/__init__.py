"""Configuration: files -> settings -> schedules. Pure, but for `execution`."""
