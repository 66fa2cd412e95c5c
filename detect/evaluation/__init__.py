"""What the official tools compute."""
