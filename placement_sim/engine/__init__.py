"""What happens in time: the only layer that imports simpy; configuration does not reach it."""
