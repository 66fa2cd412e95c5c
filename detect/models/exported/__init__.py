"""Networks outside of PyTorch: files for other engines, and networks that those compute."""
