"""Histories as figures, as drawings of characters, as tables and as pages. Pure."""
