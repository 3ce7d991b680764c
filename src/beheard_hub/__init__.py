"""BeHeard Hub: the realtime server of a mediation app for two people in conflict."""

__version__ = "0.1.0"
