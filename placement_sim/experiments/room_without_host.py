"""Can a cluster lose a host and rebuild? Arithmetic on capacities, exact, without a simulation.

A lost block may be rebuilt in any failure domain that holds no other copy of it. Which domains
those are is not in a table of disks, so there are three answers: yes whichever they are, no
whichever they are, or it depends on them.
"""

from __future__ import annotations

import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.build import build_cluster
from placement_sim.experiments.scenario import Scenario
from placement_sim.model.cluster import Cluster

YES, NO, DEPENDS = "yes", "no", "depends"


def room_without_host(scenario: Scenario, redundancy: int) -> pd.DataFrame:
    """Answer for every host, the fullest first.

    With room the free space up to ``min_free`` of the disks that stay, U the bytes on the lost
    host and k the copies of each block, all on different failure domains:

    - no, if U is more than all room, or fewer than k domains are left;
    - yes, if U fits into the room without the k - 1 roomiest domains: the other copies of the
      lost blocks close at most k - 1 domains to each (Hall's theorem, blocks small against disks);
    - else it depends on where the other copies are.

    Parameters
    ----------
    redundancy
        Copies of each block, k >= 1; with 1 there is nothing to rebuild from, and the question
        is only whether the bytes would fit.

    Returns
    -------
    pandas.DataFrame
        host, failure_domain, disks, used_bytes, capacity_bytes, fill, room_bytes,
        room_worst_bytes, domains_left, fits (yes, no, depends), reason, fits_by_weight: the
        share of U that finds room before the first disk is full when it spreads by weight, as
        hashing rules do in the mean.

    Raises
    ------
    InputError
        A redundancy below 1, or no host with a disk.
    """
    if redundancy < 1:
        raise InputError("redundancy", f"{redundancy} is below 1", "give the copies of each block, 1 or more")
    cluster = build_cluster(scenario)
    hosts = sorted({disk.host_index for disk in cluster.disks if disk.present})
    if not hosts:
        raise InputError("disks", "none is present at the start", "give a disk that is")
    rows = pd.DataFrame([_loss(cluster, host, redundancy) for host in hosts])
    return rows.sort_values(["fill", "used_bytes", "host"], ascending=[False, False, True], ignore_index=True)


def _loss(cluster: Cluster, host: int, redundancy: int) -> dict[str, object]:
    lost = [disk for disk in cluster.disks if disk.present and disk.host_index == host]
    left = [disk for disk in cluster.disks if disk.present and disk.host_index != host]
    used = sum(disk.prefilled_bytes for disk in lost)
    capacity = sum(disk.capacity_bytes for disk in lost)
    rooms = [max(0, disk.capacity_bytes - disk.min_free_bytes - disk.prefilled_bytes) for disk in left]
    domains: dict[str, int] = {}
    for disk, room in zip(left, rooms, strict=True):
        domain = cluster.hosts[disk.host_index].failure_domain
        domains[domain] = domains.get(domain, 0) + room
    room = sum(rooms)
    worst = room - sum(sorted(domains.values(), reverse=True)[: redundancy - 1])
    fits, reason = _verdict(used, room, worst, len(domains), redundancy)
    weight = sum(disk.weight for disk in left)
    shares = [
        free * weight / (disk.weight * used) for disk, free in zip(left, rooms, strict=True) if disk.weight * used
    ]
    return {
        "host": cluster.hosts[host].name,
        "failure_domain": cluster.hosts[host].failure_domain,
        "disks": len(lost),
        "used_bytes": used,
        "capacity_bytes": capacity,
        "fill": used / capacity,
        "room_bytes": room,
        "room_worst_bytes": worst,
        "domains_left": len(domains),
        "fits": fits,
        "reason": reason,
        "fits_by_weight": min([1.0, *shares]) if left and (weight or not used) else 0.0,
    }


def _verdict(used: int, room: int, worst: int, domains: int, redundancy: int) -> tuple[str, str]:
    if domains < redundancy:
        return NO, f"{domains} failure domains are left for {redundancy} copies"
    if used > room:
        return NO, f"{used - room} bytes more than all the room there is"
    if used <= worst:
        return YES, "it fits wherever the other copies are"
    return DEPENDS, "it fits or not by where the other copies are"
