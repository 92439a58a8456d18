"""What holds under load and over hours."""
