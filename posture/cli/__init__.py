"""The commands: read options, call the house, speak, exit."""
