"""The machine that the engine runs on: devices, memory, and what works there."""
