"""The demo: a journey played on two phones, and what the terminal shows of it."""
