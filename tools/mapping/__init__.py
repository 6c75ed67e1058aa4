"""Maps of where vehicles drive and stand in front of fixed cameras."""
