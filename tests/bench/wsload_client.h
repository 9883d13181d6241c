// One client connection after the other state: connect, TLS, upgrade, then CALLs whose answers are checked id by id.
#pragma once
#include "wsload_frame.h"

enum stage { CONNECTING, SECURING, UPGRADING, OPEN, GONE };
enum { WINDOW = 8, LARGEST_PAYLOAD = 4096, SAMPLES = 1 << 22 };

struct call {
    uint32_t number;
    int64_t due; // latency counts from here
};

struct client {
    int fd, size;
    uint32_t calls; // made so far, over all lives of this client: ids never come twice
    enum stage stage;
    SSL *tls;
    struct call waiting[WINDOW]; // a ring: [answered, asked)
    unsigned answered, asked;
    char buffer[BUFFER];
};

// What becomes of a client that has its answer, and of one that has just been opened: the modes differ in nothing else.
struct mode {
    void (*opened)(struct client *);
    void (*answered)(struct client *, int64_t at);
};

static struct {
    struct client *clients;
    struct mode mode;
    struct sockaddr_in target;
    SSL_CTX *tls;
    char request[512], call[LARGEST_PAYLOAD + 1];
    int count, request_size, call_size, id_at;
    int open, failed, measuring;
    uint64_t answers, errors, dropped; // answers: while measuring
    int64_t *latencies;
    char cipher[80];
} load;

static uint32_t number_of(struct client *client) { return client - load.clients; }

static void fail(struct client *client, const char *why) {
    if (load.failed++ < 3) fprintf(stderr, "client %u failed in stage %d: %s\n", number_of(client), client->stage, why);
    if (client->stage == OPEN) load.open--;
    close(client->fd);
    client->stage = GONE;
}

// ---- calls

static void put_hex(char *to, uint32_t value) {
    for (int i = 7; i >= 0; i--, value >>= 4) to[i] = "0123456789abcdef"[value & 15];
}

static void put_id(char *to, uint32_t client, uint32_t call) {
    put_hex(to, client);
    to[8] = '-';
    put_hex(to + 9, call);
}

static int has_room(struct client *client) { return client->stage == OPEN && client->asked - client->answered < WINDOW; }

static void ask(struct client *client, int64_t due) {
    char out[LARGEST_HEAD + LARGEST_PAYLOAD], *payload = out + LARGEST_HEAD;
    uint32_t number = ++client->calls, mask = 0x9e3779b9u * (number + 1) ^ number_of(client) * 2654435761u;
    const unsigned char *key = (unsigned char *)&mask;
    memcpy(payload, load.call, load.call_size);
    put_id(payload + load.id_at, number_of(client), number);
    apply_mask(payload, key, load.call_size);
    char *frame = put_head(payload, TEXT, load.call_size, key);
    client->waiting[client->asked++ % WINDOW] = (struct call){number, due};
    if (!write_all(client->fd, client->tls, frame, payload + load.call_size - frame)) fail(client, "a short write");
}

static void check_answer(struct client *client, struct frame *frame, uint32_t number) {
    char wanted[] = "[3,\"00000000-00000000\"";
    put_id(wanted + 4, number_of(client), number);
    int size = sizeof wanted - 1;
    if (frame->size >= size && !memcmp(frame->payload, wanted, size)) return;
    if (load.errors++ < 3) fprintf(stderr, "got %.*s, wanted %s\n", frame->size, frame->payload, wanted);
}

static void take_answer(struct client *client, struct frame *frame) {
    if (client->answered == client->asked) {
        load.errors++; // nobody asked
        return;
    }
    struct call call = client->waiting[client->answered++ % WINDOW];
    int64_t at = now();
    check_answer(client, frame, call.number);
    if (load.measuring) {
        if (load.answers < SAMPLES) load.latencies[load.answers] = at - call.due;
        load.answers++;
    }
    load.mode.answered(client, at);
}

// ---- a life

static void begin(struct client *client) {
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0) die("socket");
    no_delay(client->fd);
    client->stage = CONNECTING;
    client->size = client->asked = client->answered = 0;
    if (client->tls) SSL_free(client->tls);
    client->tls = NULL;
    if (connect(client->fd, (void *)&load.target, sizeof load.target) && errno != EINPROGRESS) {
        fail(client, strerror(errno));
        return;
    }
    watch(EPOLL_CTL_ADD, client->fd, EPOLLOUT, client);
}

// With RST: no port is left in TIME_WAIT, of which churn would use up all.
static void begin_again(struct client *client) {
    struct linger at_once = {1, 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(client->fd);
    load.open--;
    begin(client);
}

static int connected(struct client *client) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        fail(client, strerror(error));
        return 0;
    }
    if (load.tls) {
        client->tls = SSL_new(load.tls);
        SSL_set_fd(client->tls, client->fd);
        SSL_set_connect_state(client->tls);
    }
    return 1;
}

// 1: done.
static int secured(struct client *client) {
    if (!client->tls) return 1;
    int result = SSL_do_handshake(client->tls);
    if (result == 1) {
        snprintf(load.cipher, sizeof load.cipher, "%s/%s", SSL_get_version(client->tls), SSL_get_cipher(client->tls));
        return 1;
    }
    switch (SSL_get_error(client->tls, result)) {
    case SSL_ERROR_WANT_READ: watch(EPOLL_CTL_MOD, client->fd, EPOLLIN, client); break;
    case SSL_ERROR_WANT_WRITE: watch(EPOLL_CTL_MOD, client->fd, EPOLLOUT, client); break;
    default: fail(client, "TLS");
    }
    return 0;
}

static void ask_upgrade(struct client *client) {
    client->stage = UPGRADING;
    watch(EPOLL_CTL_MOD, client->fd, EPOLLIN, client);
    if (!write_all(client->fd, client->tls, load.request, load.request_size)) fail(client, "request");
}

// Bytes of the buffer used up; 0: the head is not complete, or it failed.
static int upgraded(struct client *client) {
    client->buffer[client->size] = 0;
    char *end = strstr(client->buffer, "\r\n\r\n");
    if (!end) return 0;
    if (strncmp(client->buffer, "HTTP/1.1 101", 12)) {
        fail(client, client->buffer);
        return 0;
    }
    client->stage = OPEN;
    load.open++;
    load.mode.opened(client);
    return end + 4 - client->buffer;
}

// 1: what is left is the beginning of a frame. 0: the connection is gone or another one.
static int take_frames(struct client *client, int used) {
    struct frame frame;
    enum parsed parsed;
    while ((parsed = parse_frame(&frame, client->buffer + used, client->size - used)) == COMPLETE) {
        used += frame.whole;
        if (frame.opcode == CLOSE) parsed = REFUSED;
        if (parsed == REFUSED) break;
        if (frame.opcode == TEXT) take_answer(client, &frame);
        if (client->stage != OPEN) return 0;
    }
    if (parsed == REFUSED) {
        fail(client, "a close, or a frame too long");
        return 0;
    }
    memmove(client->buffer, client->buffer + used, client->size - used);
    client->size -= used;
    return 1;
}

// TLS is read until nothing is left: what OpenSSL holds already, epoll does not know of.
static void hear(struct client *client) {
    do {
        int got = read_some(client->fd, client->tls, client->buffer + client->size, BUFFER - 1 - client->size);
        if (got == AGAIN) return;
        if (got == ENDED) {
            fail(client, "it ended");
            return;
        }
        client->size += got;
        int used = client->stage == UPGRADING ? upgraded(client) : 0;
        if (client->stage == OPEN && !take_frames(client, used)) return;
    } while (client->tls && client->stage != GONE);
}

static void happen(struct client *client) {
    if (client->stage == GONE) return;
    if (client->stage == CONNECTING) {
        if (!connected(client)) return;
        client->stage = SECURING;
    }
    if (client->stage == SECURING) {
        if (secured(client)) ask_upgrade(client);
        return;
    }
    hear(client);
}
