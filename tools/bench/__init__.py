"""How fast it is: measured side by side, never in a timed test."""
