"""What moves in a notebook: thin faces over the package's calls."""
