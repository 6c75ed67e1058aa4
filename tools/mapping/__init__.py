"""Maps of where the vehicles of fixed cameras drive and stand."""
