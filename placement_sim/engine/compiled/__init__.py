"""The compiled data path: the reference's model as a loop over arrays, to the last bit the same."""
