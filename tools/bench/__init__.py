"""How fast it is, and how good the masks are: measured side by side, never in a timed test."""
