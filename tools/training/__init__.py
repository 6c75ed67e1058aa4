"""Training SpotNet from images and boxes."""
