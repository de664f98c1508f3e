"""The command `waybill`: everything that the API does, at a terminal and in scripts. A module for each group of commands."""
