"""The database alone: its walls hold whatever the application does."""
