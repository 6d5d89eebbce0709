"""Histories and answers as rows, tables, text. Pure."""
