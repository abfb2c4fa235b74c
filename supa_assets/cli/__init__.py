"""The plain command line. Each command is a file; what they print is made in `report` and `progress`."""
