"""The schedules: one module a family; `combine` holds all that are made of others. Pure."""
