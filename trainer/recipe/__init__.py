"""The recipe of `training: auto`: settings chosen for the rows, by rules and then by trials."""
