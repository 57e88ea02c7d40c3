"""Studies: a scenario with factors, run many times, kept in a store, answered with intervals.

The way of a run: `study` expands factors to points and replications, `identity` names each run,
`sweep` hands what the `store` does not hold yet to `workers`, `outcome` makes tables of it.
"""
