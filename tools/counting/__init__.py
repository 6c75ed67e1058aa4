"""Tables of what a run has counted: vehicles across lines, turns, and stays in zones."""
