// The upstream: accepts any path, answers each CALL with a CALLRESULT of about 90 bytes that has the same id.
#pragma once
#include "wsload_frame.h"

struct guest {
    int fd, upgraded, size;
    char buffer[BUFFER];
};

static int answer_upgrade(struct guest *guest, const char *key) {
    static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n";
    char accept[32], head[512];
    key += strspn(key, " ");
    int size = strcspn(key, "\r");
    if (size > 64) return 0;
    accept_key(key, size, accept);
    return write_all(guest->fd, NULL, head, snprintf(head, sizeof head, ANSWER, accept));
}

// Bytes of the buffer used up; 0: the head is not complete; -1: no handshake.
static int upgrade(struct guest *guest) {
    static const char KEY[] = "sec-websocket-key:";
    guest->buffer[guest->size] = 0;
    char *end = strstr(guest->buffer, "\r\n\r\n");
    if (!end) return 0;
    char *key = strcasestr(guest->buffer, KEY);
    if (!key || !answer_upgrade(guest, key + sizeof KEY - 1)) return -1;
    guest->upgraded = 1;
    return end + 4 - guest->buffer;
}

static int reply(struct guest *guest, int opcode, const char *payload, int size) {
    char out[LARGEST_HEAD + 1024];
    if (size > 1024) return 0;
    memcpy(out + LARGEST_HEAD, payload, size);
    char *frame = put_head(out + LARGEST_HEAD, opcode, size, NULL);
    return write_all(guest->fd, NULL, frame, out + LARGEST_HEAD + size - frame);
}

static int answer_call(struct guest *guest, char *call, int size) {
    static const char RESULT[] = "[3,\"%.*s\",{\"currentTime\":\"2026-11-20T11:34:05.123Z\","
                                 "\"status\":\"Accepted\",\"interval\":300}]";
    char *id = memchr(call, '"', size), *end = id ? memchr(id + 1, '"', call + size - id - 1) : NULL;
    char out[512];
    if (!end || end - id > 100) return 0;
    return reply(guest, TEXT, out, snprintf(out, sizeof out, RESULT, (int)(end - id - 1), id + 1));
}

static int answer_frame(struct guest *guest, struct frame *frame) {
    if (!frame->key) return 0; // RFC 6455 5.1: a client masks
    apply_mask(frame->payload, frame->key, frame->size);
    switch (frame->opcode) {
    case TEXT: return answer_call(guest, frame->payload, frame->size);
    case PING: return reply(guest, PONG, frame->payload, frame->size);
    case PONG: return 1;
    default: return 0; // a close is answered by the end of the connection
    }
}

// 1: the connection goes on.
static int serve_bytes(struct guest *guest) {
    int used = 0;
    if (!guest->upgraded && ((used = upgrade(guest)) <= 0)) return used == 0;
    struct frame frame;
    enum parsed parsed;
    while ((parsed = parse_frame(&frame, guest->buffer + used, guest->size - used)) == COMPLETE) {
        if (!answer_frame(guest, &frame)) return 0;
        used += frame.whole;
    }
    memmove(guest->buffer, guest->buffer + used, guest->size - used);
    guest->size -= used;
    return parsed != REFUSED && guest->size < BUFFER - 1;
}

static void serve_guest(struct guest *guest) {
    int got = read_some(guest->fd, NULL, guest->buffer + guest->size, BUFFER - 1 - guest->size);
    if (got == AGAIN) return;
    guest->size += got > 0 ? got : 0;
    if (got == ENDED || !serve_bytes(guest)) {
        close(guest->fd);
        free(guest);
    }
}

static void welcome(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct guest *guest = calloc(1, sizeof *guest);
        if (!guest) die("calloc");
        no_delay(fd);
        guest->fd = fd;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, guest);
    }
}

// Port 0: any; the line on stdout says which.
static _Noreturn void serve(int port) {
    struct sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (void *)&address, size) || listen(listener, BACKLOG)) die("listen");
    getsockname(listener, (void *)&address, &size);
    printf("mode=serve port=%d\n", ntohs(address.sin_port));
    fflush(stdout);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) serve_guest(events[i].data.ptr);
            else welcome(listener);
        }
    }
}
