"""Trains SpotNet from images and boxes."""
