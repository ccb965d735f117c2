"""Numbers with their errors: robust statistics of a response, and a paired bootstrap of all of them at once."""
