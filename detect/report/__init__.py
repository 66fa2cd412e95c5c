"""Plots of what the evaluation measured."""
