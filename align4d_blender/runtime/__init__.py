"""The engine as a program on this computer: installing it, finding it, starting it, asking it."""
