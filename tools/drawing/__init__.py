"""Draws on the frames of a source: `spotstream draw` and `spotstream snapshot`."""
