"""What ``spotstream watch`` and ``spotstream top`` show: published records and running streams."""
