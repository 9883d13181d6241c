// What all parts of wsload share: the clock, non-blocking sockets, one epoll, reading and writing with or without TLS.
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, BUFFER = 8192, BACKLOG = 4096 };
static const int64_t SECOND = 1000000000;
static int epoll;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t in_ns(double seconds) { return (int64_t)(seconds * SECOND); }

static _Noreturn void die(const char *what) {
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void no_delay(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void watch(int operation, int fd, uint32_t events, void *who) {
    struct epoll_event event = {.events = events, .data.ptr = who};
    if (epoll_ctl(epoll, operation, fd, &event)) die("epoll_ctl");
}

static void allow_many_descriptors(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

enum { AGAIN = -1, ENDED = 0 };

// Bytes read, AGAIN (nothing there now) or ENDED (the end, or an error).
static int read_some(int fd, SSL *tls, char *to, int room) {
    if (!tls) {
        int got = read(fd, to, room);
        return got >= 0 ? got : errno == EAGAIN ? AGAIN : ENDED;
    }
    int got = SSL_read(tls, to, room);
    if (got > 0) return got;
    int why = SSL_get_error(tls, got);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? AGAIN : ENDED;
}

// All or nothing: with at most a few small frames on their way, a full socket buffer is a failure of the test.
static int write_all(int fd, SSL *tls, const char *from, int size) {
    int put = tls ? SSL_write(tls, from, size) : (int)write(fd, from, size);
    return put == size;
}
