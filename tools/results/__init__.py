"""Rows and tracks of result files."""
