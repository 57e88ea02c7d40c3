"""The choice of a component at a first write: hard rules, then the policy, as in `engine.placement`."""

from __future__ import annotations

from placement_sim.engine.compiled.layout import NONE, Array, State
from placement_sim.engine.compiled.maps import ASK, holder, reserve
from placement_sim.engine.degraded import DONE, NO_SPACE, UNAVAILABLE
from placement_sim.model.cluster import OFFLINE as DISK_OFFLINE
from placement_sim.model.cluster import ONLINE
from placement_sim.policies.interface import DOMAIN, FULL, OFFLINE, READ_ONLY, View, Write
from placement_sim.randomness import mix

BAD_CHOICE = -8
RAISED = -7  # in place of a disk: a user's compiled policy has raised an error, which machine code cannot hand on


def why_not(s: State, obj: int, leg: int, block: int, disk: int) -> int:
    """Give the bits that keep a disk from taking a block, 0 if it may."""
    bits = FULL if s.free_bytes[disk] - s.objects[obj].block_bytes < s.minimum_bytes[disk] else 0
    if s.status[disk] != ONLINE:
        bits |= OFFLINE if s.status[disk] == DISK_OFFLINE else READ_ONLY
    first = s.objects[obj].first_leg
    for other in range(first, first + s.objects[obj].legs):
        if other != leg:
            owner = holder(s, other, block)
            if owner >= 0 and s.domain[owner] == s.domain[disk]:
                bits |= DOMAIN
    return bits


def list_candidates(s: State, obj: int, leg: int, block: int) -> int:
    """Fill `candidates` and `blocked` for one block; give how many candidates there are."""
    tree = s.objects[obj]
    if tree.legs == 1 and tree.members == len(s.disks) and all_may_take(s, tree.block_bytes):
        for place in range(tree.members):
            s.candidates[place] = s.members[tree.first_member + place]
            s.blocked[place] = 0
        return tree.members
    count = 0
    for place in range(tree.first_member, tree.first_member + tree.members):
        disk = s.members[place]
        bits = why_not(s, obj, leg, block, disk)
        s.blocked[disk] = bits
        if bits == 0:
            s.candidates[count] = disk
            count += 1
    return count


def all_may_take(s: State, block_bytes: int) -> bool:
    """Tell whether no disk at all is full or away: a loop without a branch, of which thousands cost little."""
    refusing = False
    for disk in range(len(s.disks)):
        refusing |= (s.free_bytes[disk] - block_bytes < s.minimum_bytes[disk]) | (s.status[disk] != ONLINE)
    return not refusing


def is_member(s: State, obj: int, disk: int) -> bool:
    """Tell whether an object has a component on a disk."""
    tree = s.objects[obj]
    if tree.members == len(s.disks):
        return 0 <= disk < tree.members
    for place in range(tree.first_member, tree.first_member + tree.members):
        if s.members[place] == disk:
            return True
    return False


def is_any_only_full(s: State, obj: int) -> bool:
    """Tell whether some member could take the block but for space."""
    first = s.objects[obj].first_member
    for place in range(first, first + s.objects[obj].members):
        if s.blocked[s.members[place]] == FULL:
            return True
    return False


def choose_component(s: State, obj: int, leg: int, block: int) -> tuple[int, int]:
    """Ask the policy; give (disk, reason), or ASK where the policy is plain Python, or BAD_CHOICE."""
    g = s.g[0]
    if g.policy == NONE:
        return ASK, DONE
    count = list_candidates(s, obj, leg, block)
    if count == 0 and g.needs_map:
        return no_component(s, obj, NONE, is_any_only_full(s, obj))
    disk = ask_rule(s, obj, leg - s.objects[obj].first_leg, block, count)
    if disk != NONE and not is_member(s, obj, disk):
        return BAD_CHOICE, disk
    if g.needs_map and (disk == NONE or s.blocked[disk] != 0):
        return BAD_CHOICE, disk
    if disk < 0 or s.blocked[disk] != 0:
        is_full = disk < 0 or (s.blocked[disk] & FULL) != 0
        return no_component(s, obj, disk, is_full)
    reserve(s, obj, leg, disk, block)
    return disk, DONE


def no_component(s: State, obj: int, disk: int, is_full: bool) -> tuple[int, int]:
    """Give the reason why there is no component; of a mirror, Python asks whether the other legs take the write."""
    if s.objects[obj].legs > 1:
        return ASK, DONE
    return disk, NO_SPACE if is_full else UNAVAILABLE


def ask_rule(s: State, obj: int, local_leg: int, block: int, count: int) -> int:
    """Stand for the call of the compiled policy at ``g.policy``, which `build` puts here."""
    raise NotImplementedError


def answer(s: State, obj: int, local_leg: int, block: int, count: int) -> int:
    """Give the policy what it may see, and take its answer: the body of a compiled policy."""
    tree = s.objects[obj]
    word = mix(int(tree.key), int(local_leg))
    write = Write(obj, local_leg, block, tree.block_count, tree.block_bytes, mix(word, int(block)))
    members = array_of(s.members)
    view = View(
        members[tree.first_member : tree.first_member + tree.members],
        array_of(s.candidates)[:count],
        array_of(s.blocked),
        array_of(s.free_bytes),
        array_of(s.capacity_bytes),
        array_of(s.queue_requests),
        array_of(s.weight),
    )
    return choose(write, view, array_of(s.policy_parameters), array_of(s.policy_state))


def array_of(vector: Array) -> Array:
    """Give a field as an array that policies may slice: `build` has something to do here, Python has not."""
    return vector


def guarded_answer(s: State, obj: int, local_leg: int, block: int, count: int) -> int:
    """Give the answer of a user's policy, RAISED where it raises: Python then asks it again and sees the error."""
    try:
        return answer(s, obj, local_leg, block, count)
    except Exception:
        return RAISED


def choose(write: Write, view: View, parameters: object, state: object) -> int:
    """Stand for the policy's own function, which `build` puts here."""
    raise NotImplementedError
