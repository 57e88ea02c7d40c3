"""Scenarios, runs and comparisons: where configuration ends. Imports nothing of reporting."""
