"""Exporting the detector for other programs."""
