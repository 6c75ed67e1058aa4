"""What each stage's process does."""
