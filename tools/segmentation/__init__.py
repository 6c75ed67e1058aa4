"""Foreground masks from motion, for data sets that have only boxes."""
