"""Rendered traffic scenes as data sets: UA-DETRAC and MOT folders with exact annotations."""
