"""`beheard ops`: a running hub on one screen, read from its page of numbers."""
