"""Measurements of the product; `make bench-schedule` runs the one of the schedule."""
