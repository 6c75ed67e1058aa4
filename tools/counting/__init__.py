"""Tables of what runs have counted: line crossings, turns, and dwell times in zones."""
