"""Channels to those who are not connected: one file per channel."""
