"""Crops of regions as the network sees them."""
