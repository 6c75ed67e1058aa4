"""Benchmarks of speed and of mask quality, run side by side and never as timed tests."""
