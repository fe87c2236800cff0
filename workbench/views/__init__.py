"""What people see of the lab, as values and words: the command line prints it, the terminal UI draws it."""
