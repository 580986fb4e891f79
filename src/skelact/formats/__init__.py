"""Formats and data sets, one a file: what a raw file says, and how it becomes clean sequences."""
