"""What exists, without a clock: this layer imports units, errors and randomness alone."""
