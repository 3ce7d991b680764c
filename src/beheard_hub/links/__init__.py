"""The duplex line between a gateway and a host: one port, two adapters (socket, in-process)."""
