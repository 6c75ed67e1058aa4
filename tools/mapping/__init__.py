"""Maps of where vehicles drive and stand."""
