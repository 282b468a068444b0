/* What Python (lanes.py) and lanes.c both see: read by the compiler and by cffi, so nothing stands here for the
 * preprocessor. Who includes it has included <stdint.h>.
 */
enum { NAME = 28, LARGEST = 1500, SHAPES = 8, CARRIED = 4, HEAD = 128, RECORDS = 256 };
enum { ROOM = 2048, TOGETHER = 4, NOT_NEGOTIATED = 0xFF, FIRST_CARRIED = 6 };

/* Where packets to one subscriber go; context NULL: nowhere. */
struct door {
    void *context;
    int socket;
    uint8_t name[NAME];
};

/* The constant part of a header for packets with those extensions to carry: rtp.Layout. */
struct shape {
    uint64_t signature;
    uint32_t stamp;
    uint16_t length, stamp_at;
    int16_t places[CARRIED];
    uint8_t head[HEAD];
};

/* A stream as it goes out to one subscriber: sending.Plan. */
struct leg {
    struct door *door;
    uint16_t shift;
    uint32_t time_shift;
    int shapes;
    uint8_t types[128];
    struct shape shape[SHAPES];
};

/* A stream as it comes in; `next` is the sequence number that it goes on with. */
struct lane {
    struct lane *after;
    int64_t number;
    int socket;
    uint8_t name[NAME];
    uint32_t ssrc;
    void *context;
    uint16_t next;
    uint8_t kinds[16], known[128];
    int legs;
    struct leg *leg;
};

/* A packet that was sent on. */
struct record {
    double now;
    int64_t number;
    int length;
    uint8_t data[LARGEST];
};

/* What there is to account for: how many datagrams the last batch had, how many of a lane did not show its key. */
struct told {
    int received, refused, records;
    struct record record[RECORDS];
};

struct lanes;

/* `open` and `seal` are the addresses of srtp_unprotect and srtp_protect. NULL: no memory. */
struct lanes *lanes_new(uintptr_t open, uintptr_t seal);
void lanes_free(struct lanes *all);
struct told *lanes_told(struct lanes *all);

/* A lane is not freed before it has ended. */
void lanes_begin(struct lanes *all, struct lane *lane);
void lanes_end(struct lanes *all, struct lane *lane);

/* Takes at most so many datagrams that wait into that table (struct mmsghdr) and sends on what can be. The places of
 * all others are put into `left`; how many those are.
 */
int lanes_take(struct lanes *all, int socket, uintptr_t table, int most, double now, int *left);
