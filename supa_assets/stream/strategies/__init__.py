"""The ways of cutting a table into chunks: one file for each, with its SQL, and `choose` to tell which."""
