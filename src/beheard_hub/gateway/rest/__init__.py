"""The REST door: the table of spec 5.3 and what turns its rows into commands."""
