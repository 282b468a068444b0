/* From socket to socket: packets of streams in steady flow (lanes.py says what that is, and accounts for them).
 *
 * A packet is looked at as it came, before it is opened. Whatever is not just as expected is left as it is, for
 * Python; so nothing here has to be undone. RTP is RFC 3550, header extensions are RFC 8285, one-byte form.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lanes.h"

enum { BUCKETS = 4096 };

typedef int (*change)(void *context, void *packet, int *length);

struct lanes {
    change open, seal;
    struct lane *bucket[BUCKETS];
    int waiting, from;
    uint32_t stamp;
    struct told told;
    struct iovec vector[TOGETHER];
    struct mmsghdr entry[TOGETHER];
    uint8_t out[TOGETHER][ROOM];
};

/* What is read of a packet before it is opened. */
struct packet {
    uint8_t *data;
    int start, carried;
    uint64_t signature;
    int at[CARRIED], length[CARRIED];
};

static uint16_t word(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static uint32_t number(const uint8_t *at) { return (uint32_t)word(at) << 16 | word(at + 2); }

static void put_word(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_number(uint8_t *at, uint32_t value) {
    put_word(at, (uint16_t)(value >> 16));
    put_word(at + 2, (uint16_t)value);
}

static struct lane **place_of(struct lanes *all, uint32_t ssrc) { return &all->bucket[(ssrc * 2654435761u) >> 20]; }

struct lanes *lanes_new(uintptr_t open, uintptr_t seal) {
    struct lanes *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->open = (change)open;
    all->seal = (change)seal;
    for (int i = 0; i < TOGETHER; i++) {
        all->vector[i].iov_base = all->out[i];
        all->entry[i].msg_hdr.msg_iov = &all->vector[i];
        all->entry[i].msg_hdr.msg_iovlen = 1;
        all->entry[i].msg_hdr.msg_namelen = NAME;
    }
    return all;
}

void lanes_free(struct lanes *all) { free(all); }

struct told *lanes_told(struct lanes *all) { return &all->told; }

void lanes_begin(struct lanes *all, struct lane *lane) {
    struct lane **place = place_of(all, lane->ssrc);
    lane->after = *place;
    *place = lane;
}

void lanes_end(struct lanes *all, struct lane *lane) {
    for (struct lane **place = place_of(all, lane->ssrc); *place; place = &(*place)->after)
        if (*place == lane) {
            *place = lane->after;
            return;
        }
}

static void deliver(struct lanes *all) {
    for (int sent = 0; sent < all->waiting;) {
        int more = sendmmsg(all->from, all->entry + sent, (unsigned)(all->waiting - sent), MSG_DONTWAIT);
        sent += more > 0 ? more : 1; /* the one that cannot be sent is lost */
    }
    all->waiting = 0;
}

static void send_to(struct lanes *all, struct door *door, int length) {
    int at = all->waiting;
    if (all->seal(door->context, all->out[at], &length))
        return;
    all->vector[at].iov_len = (size_t)length;
    all->entry[at].msg_hdr.msg_name = door->name;
    all->from = door->socket;
    if (++all->waiting == TOGETHER)
        deliver(all);
}

static const struct shape *shape_of(const struct leg *leg, uint64_t signature) {
    for (int i = 0; i < leg->shapes; i++)
        if (leg->shape[i].signature == signature)
            return &leg->shape[i];
    return NULL;
}

/* Whether its subscriber negotiated that payload type. */
static int takes(const struct leg *leg, const uint8_t *data) { return leg->types[data[1] & 0x7F] != NOT_NEGOTIATED; }

/* 0 when an element is not as RtpPacket.load takes it for sure. */
static int read_extensions(struct packet *packet, const struct lane *lane, int size) {
    const uint8_t *data = packet->data;
    int at = packet->start;
    if (size < at + 4 || word(data + at) != 0xBEDE)
        return 0;
    int end = at + 4 + 4 * word(data + at + 2);
    if (end > size)
        return 0;
    packet->start = end;
    for (at += 4; at < end;) {
        int id = data[at] >> 4, length = (data[at] & 15) + 1, kind = lane->kinds[id];
        if (!data[at]) {
            at++;
            continue;
        }
        if (id == 0 || id == 15 || at + length >= end)
            return 0;
        if (kind >= FIRST_CARRIED) {
            if (packet->carried == CARRIED)
                return 0;
            packet->at[packet->carried] = at + 1;
            packet->length[packet->carried++] = length;
            packet->signature = packet->signature << 16 | (uint64_t)(length << 8 | kind);
        }
        at += 1 + length;
    }
    return 1;
}

static void write_to(struct lanes *all, const struct packet *packet, const struct leg *leg, int size) {
    const struct shape *shape;
    const uint8_t *data = packet->data;
    uint8_t *out;
    if (!leg->door->context || !takes(leg, data))
        return;
    shape = shape_of(leg, packet->signature);
    if (all->waiting && all->from != leg->door->socket)
        deliver(all);
    out = all->out[all->waiting];
    memcpy(out, shape->head, shape->length);
    out[1] = (data[1] & 0x80) | leg->types[data[1] & 0x7F];
    put_word(out + 2, (uint16_t)(word(data + 2) + leg->shift));
    put_number(out + 4, number(data + 4) + leg->time_shift);
    if (shape->stamp_at)
        put_number(out + shape->stamp_at, shape->stamp | all->stamp);
    for (int i = 0; i < packet->carried; i++)
        if (shape->places[i] >= 0)
            memcpy(out + shape->places[i], data + packet->at[i], (size_t)packet->length[i]);
    memcpy(out + shape->length, data + packet->start, (size_t)(size - packet->start));
    send_to(all, leg->door, shape->length + size - packet->start);
}

static void keep(struct lanes *all, const struct lane *lane, const uint8_t *data, int size, double now) {
    struct record *record = &all->told.record[all->told.records++];
    record->now = now;
    record->number = lane->number;
    record->length = size;
    memcpy(record->data, data, (size_t)size);
}

static struct lane *lane_of(struct lanes *all, int socket, const struct mmsghdr *entry) {
    const uint8_t *data = entry->msg_hdr.msg_iov->iov_base;
    uint32_t ssrc = number(data + 8);
    for (struct lane *lane = *place_of(all, ssrc); lane; lane = lane->after)
        if (lane->ssrc == ssrc && lane->socket == socket && !memcmp(lane->name, entry->msg_hdr.msg_name, NAME))
            return lane;
    return NULL;
}

/* Whether it is the next packet of a lane, in a form that all of its legs know. */
static int is_next(const struct lane *lane, struct packet *packet, int size) {
    const uint8_t *data = packet->data;
    if (data[1] >= 192 && data[1] <= 223) /* RTCP: RFC 5761, section 4 */
        return 0;
    if (data[0] & 0x20 || word(data + 2) != lane->next || !lane->known[data[1] & 0x7F])
        return 0;
    packet->start = 12 + 4 * (data[0] & 15);
    if (data[0] & 0x10 && !read_extensions(packet, lane, size))
        return 0;
    for (int i = 0; i < lane->legs; i++)
        if (takes(&lane->leg[i], data) && !shape_of(&lane->leg[i], packet->signature))
            return 0;
    return packet->start <= size;
}

/* Whether that datagram is dealt with. */
static int forward(struct lanes *all, int socket, const struct mmsghdr *entry, double now) {
    struct packet packet = {.data = entry->msg_hdr.msg_iov->iov_base};
    int size = (int)entry->msg_len;
    if (size < 12 || size > LARGEST || packet.data[0] >> 6 != 2 || all->told.records == RECORDS)
        return 0;
    struct lane *lane = lane_of(all, socket, entry);
    if (!lane || !is_next(lane, &packet, size))
        return 0;
    if (all->open(lane->context, packet.data, &size) || size < packet.start) {
        all->told.refused++;
        return 1;
    }
    lane->next++;
    keep(all, lane, packet.data, size, now);
    for (int i = 0; i < lane->legs; i++)
        write_to(all, &packet, &lane->leg[i], size);
    return 1;
}

int lanes_take(struct lanes *all, int socket, uintptr_t table, int most, double now, int *left) {
    struct mmsghdr *entries = (struct mmsghdr *)table;
    int count = recvmmsg(socket, entries, (unsigned)most, MSG_DONTWAIT, NULL), others = 0;
    all->told.received = count > 0 ? count : 0;
    all->stamp = (uint32_t)(int64_t)(now * 262144.0) & 0xFFFFFF; /* sending.stamp */
    for (int i = 0; i < count; i++)
        if (!forward(all, socket, entries + i, now))
            left[others++] = i;
    deliver(all);
    return others;
}
