"""`bck`: the program on the command line."""
