"""Draws tracks from files on videos: `spotstream draw`."""
