"""The schedules: one module a family, and wrappers that change what any of them does. Pure."""
