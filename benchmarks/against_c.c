/* The event loop of the compiled data path, written by hand in C for one kind of run: disks without links,
   exponential service, requests within one block, least_queue. Two heaps, a queue a disk, SplitMix64 and log1p
   a service, maps, space, histogram, a disk that fails with requests in flight, raw operations, closed loops. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int64_t i64;
typedef struct { i64 time, key, event; } Item;
typedef struct { i64 object, outstanding, tally, row, end, number, in_flight, thinking; uint64_t key; } Stream;
typedef struct {
    i64 stream, number, kind, start, size, issued, index, disk, block, entered, next, event, serving, is_plain;
} Op;
typedef struct { i64 channels, serving, waiting, first, last, area, busy, finished, sojourn, moved[2]; } Disk;
typedef struct {
    i64 disks, streams, sub_bits, bins, block_bytes, block_shift;
    i64 fails_at, back_at, failing, rebuild_at, rebuild_from, rebuild_to, rebuild_count, rebuild_bytes;
    i64 events, failed, retries, first_writes, zero_reads, end; /* results */
    double mean_s;
} Config;

static Config *c;
static Item *heap, *arrivals;
static i64 heap_size, arrival_count, sequence, now, free_op, last_chosen, pool, rebuilt;
static Op *ops;
static Disk *disks;
static Stream *streams;
static const i64 *time_ns, *offset, *size;
static const uint8_t *kinds;
static uint8_t *owners, *pending, *written, *online;
static i64 *first_block, *queue, *free_bytes, *reserved, *used, *histogram, *latency_sum;

static inline void rise(Item *h, i64 place, Item item) {
    while (place > 0) {
        i64 above = (place - 1) >> 1;
        if (h[above].time < item.time || (h[above].time == item.time && h[above].key < item.key)) break;
        h[place] = h[above];
        place = above;
    }
    h[place] = item;
}

static inline void drop_first(Item *h, i64 count) {
    i64 place = 0, below = 1;
    while (below < count) {
        const Item *left = &h[below], *right = &h[below + 1];
        below += (right->time < left->time) | ((right->time == left->time) & (right->key < left->key));
        h[place] = h[below];
        place = below;
        below = 2 * place + 1;
    }
    if (place < count) rise(h, place, h[count]);
}

static inline i64 push(i64 at, i64 order, i64 event) {
    i64 s = sequence++;
    rise(heap, heap_size++, (Item){at, (order << 56) | s, event});
    return s;
}

static inline uint64_t mix(uint64_t key, uint64_t counter) {
    uint64_t z = key + (counter + 1) * 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static inline void start(i64 o) {
    Op *op = &ops[o];
    uint64_t word = mix(streams[op->stream].key, op->number);
    double u = (double)(mix(word, 2 * op->index) >> 11) * (1.0 / 9007199254740992.0);
    i64 ns = (i64)(-c->mean_s * log1p(-u) * 1e9 + 0.5);
    disks[op->disk].serving++;
    op->serving = 1;
    op->event = push(now + (ns < 1 ? 1 : ns), 2, o << 1);
}

static inline void enter(i64 o) {
    Op *op = &ops[o];
    Disk *d = &disks[op->disk];
    queue[op->disk]++;
    op->entered = now;
    d->area -= now;
    if (d->serving < d->channels) {
        d->busy -= now;
        start(o);
        return;
    }
    op->serving = 2;
    op->next = -1;
    if (d->waiting == 0) d->first = o; else ops[d->last].next = o;
    d->last = o;
    d->waiting++;
}

static i64 choose(void) {
    i64 best = -1, best_queue = 0, best_steps = 0;
    for (i64 d = 0; d < c->disks; d++) {
        if (!online[d] || free_bytes[d] < c->block_bytes) continue;
        i64 steps = d - last_chosen < 0 ? d - last_chosen + c->disks : d - last_chosen;
        if (best < 0 || queue[d] < best_queue || (queue[d] == best_queue && steps < best_steps)) {
            best = d; best_queue = queue[d]; best_steps = steps;
        }
    }
    if (best >= 0) last_chosen = best + 1 == c->disks ? 0 : best + 1;
    return best;
}

static void take(i64 o);
static void raw(i64 number);

static void await_arrival(i64 s) {
    Stream *t = &streams[s];
    if (t->row < t->end) rise(arrivals, arrival_count++, (Item){time_ns[t->row], sequence++, s});
}

static i64 make(i64 s) {
    i64 o = free_op;
    if (o < 0) { /* twice the room */
        ops = realloc(ops, 2 * pool * sizeof(Op));
        heap = realloc(heap, 4 * pool * sizeof(Item));
        for (i64 i = pool; i < 2 * pool; i++) ops[i].next = i + 1 < 2 * pool ? i + 1 : -1;
        o = pool;
        pool *= 2;
    }
    Op *op = &ops[o];
    free_op = op->next;
    op->stream = s;
    op->number = streams[s].number++;
    op->index = 0;
    return o;
}

static i64 make_row(i64 s) {
    i64 o = make(s), row = streams[s].row++;
    ops[o].kind = kinds[row]; ops[o].start = offset[row]; ops[o].size = size[row];
    return o;
}

static void think(i64 s) {
    if (streams[s].row >= streams[s].end) return;
    i64 at = now + time_ns[streams[s].row];
    push(at, 3, (make_row(s) << 1) | 1);
}

static void finish(i64 o, int is_done) {
    Op *op = &ops[o];
    i64 s = op->stream, latency = now - op->issued;
    Stream *t = &streams[s];
    if (is_done) {
        i64 place = t->tally * 2 + op->kind, shift = 64 - (latency ? __builtin_clzll(latency) : 64) - (c->sub_bits + 1);
        i64 bin = shift <= 0 ? latency : (shift << c->sub_bits) + (latency >> shift);
        latency_sum[place] += latency;
        histogram[place * c->bins + bin]++;
    } else c->failed++;
    ops[o].event = -1;
    ops[o].next = free_op;
    free_op = o;
    t->in_flight--;
    if (t->object < 0) raw(++rebuilt);
    else if (t->outstanding) think(s);
}

static void write_to(i64 o) { /* a first write, or one whose disk is gone */
    Op *op = &ops[o];
    i64 owner = owners[op->block] - 1;
    if (owner < 0) {
        owner = pending[op->block] - 1;
        if (owner >= 0 && !online[owner]) {
            free_bytes[owner] += c->block_bytes; reserved[owner] -= c->block_bytes;
            owner = -1;
        }
        if (owner < 0) {
            owner = choose();
            pending[op->block] = owner + 1;
            free_bytes[owner] -= c->block_bytes; reserved[owner] += c->block_bytes;
        }
    }
    if (!online[owner]) { finish(o, 0); return; }
    op->disk = owner;
    enter(o);
}

static void take(i64 o) {
    Op *op = &ops[o];
    op->issued = now;
    op->block = first_block[streams[op->stream].object] + (op->start >> c->block_shift);
    i64 owner = owners[op->block] - 1;
    if (owner >= 0 && online[owner]) { op->is_plain = 1; op->disk = owner; enter(o); return; }
    op->is_plain = 0;
    if (op->kind == 1) write_to(o);
    else if (owner >= 0) finish(o, 0);
    else { c->zero_reads++; finish(o, 1); }
}

static void raw(i64 number) {
    if (number >= c->rebuild_count) return;
    i64 o = make(c->streams - 1);
    Op *op = &ops[o];
    op->kind = number & 1; op->start = number; op->size = c->rebuild_bytes; op->issued = now; op->is_plain = 0;
    op->disk = number & 1 ? c->rebuild_to : c->rebuild_from;
    streams[op->stream].in_flight++;
    enter(o);
}

static inline void served(i64 o) {
    Op *op = &ops[o];
    Disk *d = &disks[op->disk];
    d->finished++;
    d->area += now;
    d->sojourn += now - op->entered;
    d->serving--;
    op->serving = 0;
    if (d->waiting > 0 && d->serving < d->channels) {
        i64 following = d->first;
        d->first = ops[following].next;
        d->waiting--;
        start(following);
    } else d->busy += now;
    d->moved[op->kind] += op->size;
    queue[op->disk]--;
    if (!op->is_plain && op->kind == 1 && streams[op->stream].object >= 0 && pending[op->block] == op->disk + 1) {
        written[op->block >> 3] |= 1 << (op->block & 7);
        reserved[op->disk] -= c->block_bytes; used[op->disk] += c->block_bytes;
        owners[op->block] = op->disk + 1;
        pending[op->block] = 0;
        c->first_writes++;
    }
    finish(o, 1);
}

static int by_event(const void *a, const void *b) {
    i64 x = ops[*(const i64 *)a].event, y = ops[*(const i64 *)b].event;
    return (x > y) - (x < y);
}

static void lose(i64 lost) {
    Disk *d = &disks[lost];
    i64 *held = malloc((d->serving + d->waiting + 1) * sizeof(i64)), count = 0;
    for (i64 o = 0; o < pool; o++) if (ops[o].serving == 1 && ops[o].disk == lost) held[count++] = o;
    qsort(held, count, sizeof(i64), by_event);
    d->busy += count * now;
    for (i64 o = d->first, n = d->waiting; n > 0; n--, o = ops[o].next) held[count++] = o;
    d->area += count * now;
    d->serving = d->waiting = 0;
    online[lost] = 0;
    for (i64 i = 0; i < count; i++) { ops[held[i]].serving = 0; ops[held[i]].event = -1; }
    for (i64 i = 0; i < count; i++) {
        Op *op = &ops[held[i]];
        queue[lost]--;
        if (streams[op->stream].object < 0 || op->kind == 0) { finish(held[i], 0); continue; }
        if (pending[op->block] == lost + 1) {
            pending[op->block] = 0;
            free_bytes[lost] += c->block_bytes; reserved[lost] -= c->block_bytes;
            c->retries++;
        }
        op->index++;
        op->is_plain = 0;
        write_to(held[i]);
    }
    free(held);
}

void simulate(Config *config, Stream *s, Disk *d, const i64 *t, const uint8_t *k, const i64 *off, const i64 *sz,
              i64 *block, uint8_t *own, uint8_t *pend, uint8_t *wrote, i64 *room, i64 *kept, i64 *filled,
              i64 *bins, i64 *sums) {
    c = config; streams = s; disks = d; time_ns = t; kinds = k; offset = off; size = sz; first_block = block;
    owners = own; pending = pend; written = wrote; free_bytes = room; reserved = kept; used = filled;
    histogram = bins; latency_sum = sums;
    heap_size = arrival_count = sequence = now = last_chosen = rebuilt = 0;
    pool = 256;
    ops = calloc(pool, sizeof(Op));
    heap = malloc(2 * pool * sizeof(Item));
    arrivals = malloc((c->streams + 2) * sizeof(Item));
    for (i64 i = 0; i < pool; i++) ops[i].next = i + 1 < pool ? i + 1 : -1;
    free_op = 0;
    queue = calloc(c->disks, sizeof(i64));
    online = malloc(c->disks);
    memset(online, 1, c->disks);
    for (i64 i = 0; i < c->streams; i++) {
        if (streams[i].object < 0) continue;
        if (streams[i].outstanding == 0) await_arrival(i);
        for (i64 n = 0; n < streams[i].outstanding; n++) think(i);
    }
    i64 controls[3] = {c->rebuild_at, c->fails_at, c->back_at}, next_control = 0;
    for (;;) {
        i64 first = heap_size ? heap[0].time : INT64_MAX, arrival = arrival_count ? arrivals[0].time : INT64_MAX;
        i64 soonest = first <= arrival ? first : arrival;
        if (next_control < 3 && controls[next_control] <= soonest && controls[next_control] != INT64_MAX) {
            now = controls[next_control];
            if (next_control == 0) raw(0);
            else if (next_control == 1) lose(c->failing);
            else online[c->failing] = 1;
            next_control++;
            continue;
        }
        if (soonest == INT64_MAX) break;
        now = soonest;
        c->events++;
        if (arrival < first) {
            i64 stream = arrivals[0].event;
            drop_first(arrivals, --arrival_count);
            i64 o = make_row(stream);
            streams[stream].in_flight++;
            await_arrival(stream);
            take(o);
        } else {
            i64 o = heap[0].event >> 1, is_thought = heap[0].event & 1, event = heap[0].key & ((1LL << 56) - 1);
            drop_first(heap, --heap_size);
            if (is_thought) { streams[ops[o].stream].in_flight++; take(o); }
            else if (ops[o].serving == 1 && ops[o].event == event) served(o);
        }
    }
    c->end = now;
    free(ops); free(heap); free(arrivals); free(queue); free(online);
}
