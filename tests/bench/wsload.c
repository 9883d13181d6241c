// wsload - WebSocket load and an OCPP-like upstream, one thread each (method: EVIDENCE.md, "Relay").
//
//   wsload serve  [--port N]                    the upstream; prints the port it listens on
//   wsload closed --port N --connections N ...  one CALL outstanding per connection; --warm S before it measures
//   wsload open   --port N --rate N ...         CALLs at that rate (Poisson); latency counts from the moment one was due
//   wsload idle   --port N --connections N ...  opens N, one CALL each, prints, then holds them until stdin ends
//   wsload churn  --port N --connections N ...  connect, upgrade, one CALL, close with RST, and again
//
// Also: --payload BYTES --seconds S --tls, --proxy PIDS --others PIDS (whose CPU time is taken over the window).
// One line of key=value on stdout. A message is a frame in one direction: an answer makes two. Every answer's id is
// checked (errors); failed: connections that were lost; dropped: CALLs not made because 8 were outstanding.
#include "wsload_base.h"

#include "wsload_client.h"
#include "wsload_server.h"
#include "wsload_usage.h"
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <sys/timerfd.h>

static struct {
    int port, connections, payload, tls;
    double seconds, warm, rate;
    const char *proxy, *others;
} options = {.connections = 200, .payload = 200, .seconds = 1, .warm = 0.5, .rate = 2000, .proxy = "", .others = ""};

enum { AT_ONCE = 64 }; // handshakes under way while connections are opened
static const double PATIENCE = 40;

// ---------------------------------------------------------------- what is sent

static void make_request(void) {
    static const char REQUEST[] =
        "GET /ocpp/CP-0001 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: ocpp1.6\r\nUser-Agent: wsload\r\n\r\n";
    load.request_size = snprintf(load.request, sizeof load.request, REQUEST, options.port);
}

// A CALL of exactly `size` bytes: MeterValues, or a Heartbeat where that does not fit. The id is filled in later.
static void make_call(int size) {
    static const char *HEADS[] = {
        "[2,\"00000000-00000000\",\"MeterValues\",{\"connectorId\":1,\"transactionId\":4711,\"meterValue\":"
        "[{\"timestamp\":\"2026-11-20T11:34:05Z\",\"sampledValue\":[{\"value\":\"",
        "[2,\"00000000-00000000\",\"Heartbeat\",{\"p\":\""};
    static const char *TAILS[] = {"\",\"unit\":\"Wh\"}]}]}]", "\"}]"};
    int short_one = size < (int)(strlen(HEADS[0]) + strlen(TAILS[0]));
    const char *head = HEADS[short_one], *tail = TAILS[short_one];
    int filled = strlen(head), digits = size - strlen(tail);
    if (digits < filled || size > LARGEST_PAYLOAD) die("--payload: 48 to 4096 bytes");
    memcpy(load.call, head, filled);
    for (; filled < digits; filled++) load.call[filled] = '0' + filled % 10;
    memcpy(load.call + filled, tail, strlen(tail));
    load.call_size = size;
    load.id_at = 4;
}

static void use_tls(void) {
    load.tls = SSL_CTX_new(TLS_client_method());
    if (!load.tls) die("SSL_CTX_new");
    SSL_CTX_set_mode(load.tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(load.tls, SSL_SESS_CACHE_OFF); // every handshake is a full one
}

static void make_load(struct mode mode) {
    load.mode = mode;
    load.target = loopback(options.port);
    load.count = options.connections;
    load.clients = calloc(load.count, sizeof *load.clients);
    load.latencies = malloc(SAMPLES * sizeof *load.latencies);
    if (!load.clients || !load.latencies) die("memory");
    if (options.tls) use_tls();
    make_request();
    make_call(options.payload);
}

// ---------------------------------------------------------------- the loop

static void turn(int64_t until) {
    struct epoll_event events[EVENTS];
    int64_t left = until - now();
    int count = epoll_wait(epoll, events, EVENTS, left > 0 ? left / 1000000 + 1 : 0);
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr) happen(events[i].data.ptr); // NULL: the timer of `open_loop`
}

static void run_until(int64_t until) {
    while (now() < until) turn(until);
}

static void connect_all(void) {
    int64_t until = now() + in_ns(PATIENCE);
    int begun = 0;
    while (load.open + load.failed < load.count && now() < until) {
        while (begun < load.count && begun - load.open - load.failed < AT_ONCE) begin(&load.clients[begun++]);
        turn(now() + SECOND / 10);
    }
    if (load.open < load.count) fprintf(stderr, "only %d of %d connections open\n", load.open, load.count);
}

static void no_more(struct client *client) { (void)client; }
static void leave_it(struct client *client, int64_t at) { (void)client, (void)at; }
static void ask_now(struct client *client) { ask(client, now()); }
static void ask_next(struct client *client, int64_t at) { ask(client, at); }
static void renew(struct client *client, int64_t at) {
    (void)at;
    begin_again(client);
}

// ---------------------------------------------------------------- what was measured

static struct {
    int64_t began, ended;
    struct usage proxy[2], others[2], self[2];
} window;

static void take_usage(int moment) {
    char self[16];
    snprintf(self, sizeof self, "%d", getpid());
    window.proxy[moment] = usage_of(options.proxy);
    window.others[moment] = usage_of(options.others);
    window.self[moment] = usage_of(self);
}

static void begin_window(void) {
    take_usage(0);
    window.began = now();
    load.measuring = 1;
}

static void end_window(void) {
    load.measuring = 0;
    window.ended = now();
    take_usage(1);
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double quantile_us(double share) {
    size_t count = load.answers < SAMPLES ? load.answers : SAMPLES;
    return count ? load.latencies[(size_t)(share * (count - 1))] / 1e3 : 0;
}

static double cpu(const struct usage usage[2]) { return usage[1].cpu - usage[0].cpu; }

static void print_result(const char *mode) {
    double seconds = (window.ended - window.began) / 1e9, answers = load.answers ? load.answers : 1;
    size_t count = load.answers < SAMPLES ? load.answers : SAMPLES;
    qsort(load.latencies, count, sizeof *load.latencies, ascending);
    printf("mode=%s connections=%d open=%d seconds=%.3f answers=%lu per_second=%.0f", mode, load.count, load.open, seconds,
           load.answers, load.answers / seconds);
    printf(" p50_us=%.1f p99_us=%.1f p999_us=%.1f", quantile_us(.5), quantile_us(.99), quantile_us(.999));
    printf(" proxy_us=%.3f others_us=%.3f user_us=%.3f", cpu(window.proxy) / answers * 1e6,
           cpu(window.others) / answers * 1e6, (window.proxy[1].user - window.proxy[0].user) / answers * 1e6);
    printf(" proxy_share=%.3f others_share=%.3f load_share=%.3f", cpu(window.proxy) / seconds,
           cpu(window.others) / seconds, cpu(window.self) / seconds);
    printf(" errors=%lu failed=%d dropped=%lu tls=%s\n", load.errors, load.failed, load.dropped,
           *load.cipher ? load.cipher : "none");
    fflush(stdout);
}

// ---------------------------------------------------------------- the modes

static void closed_loop(void) {
    make_load((struct mode){no_more, ask_next});
    connect_all();
    for (int i = 0; i < load.count; i++)
        if (load.clients[i].stage == OPEN) ask_now(&load.clients[i]);
    run_until(now() + in_ns(options.warm));
    begin_window();
    run_until(now() + in_ns(options.seconds));
    end_window();
    print_result("closed");
}

// The CALLs due by now, each on the next connection; returns when the next one is due.
static int64_t ask_all_due(int64_t due) {
    static int next;
    for (int64_t until = now(); due <= until; due += (int64_t)(-log(1 - drand48()) / options.rate * SECOND) + 1) {
        struct client *client = &load.clients[next++ % load.count];
        if (has_room(client)) ask(client, due);
        else load.dropped++;
    }
    return due;
}

static void wake_at(int timer, int64_t due) {
    struct itimerspec at = {.it_value = {due / SECOND, due % SECOND}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static int64_t ask_until(int timer, int64_t due, int64_t until) {
    while (now() < until) {
        due = ask_all_due(due);
        wake_at(timer, due);
        turn(until);
    }
    return due;
}

static void open_loop(void) {
    make_load((struct mode){no_more, leave_it});
    connect_all();
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    watch(EPOLL_CTL_ADD, timer, EPOLLIN | EPOLLET, NULL); // edge: setting it anew is all the reading it needs
    srand48(42);
    int64_t due = ask_until(timer, now(), now() + in_ns(options.warm));
    load.dropped = 0;
    begin_window();
    ask_until(timer, due, now() + in_ns(options.seconds));
    end_window();
    print_result("open");
}

static void hold_idle(void) {
    make_load((struct mode){ask_now, leave_it});
    begin_window();
    connect_all();
    int64_t until = now() + in_ns(PATIENCE);
    while (load.answers + load.failed < (uint64_t)load.count && now() < until) turn(now() + SECOND / 10);
    end_window();
    print_result("idle");
    char end;
    while (read(STDIN_FILENO, &end, 1) > 0) continue;
}

static void churn(void) {
    make_load((struct mode){ask_now, renew});
    for (int i = 0; i < load.count; i++) begin(&load.clients[i]);
    run_until(now() + in_ns(options.warm));
    begin_window();
    run_until(now() + in_ns(options.seconds));
    end_window();
    print_result("churn");
}

static void serve_port(void) { serve(options.port); }

// ---------------------------------------------------------------- the command line

static const struct {
    const char *name;
    void (*run)(void);
} MODES[] = {{"serve", serve_port}, {"closed", closed_loop}, {"open", open_loop}, {"idle", hold_idle}, {"churn", churn}};

static const struct option NAMES[] = {
    {"port", 1, NULL, 'p'},    {"connections", 1, NULL, 'c'}, {"payload", 1, NULL, 'b'},
    {"seconds", 1, NULL, 's'}, {"warm", 1, NULL, 'w'},        {"rate", 1, NULL, 'r'},
    {"proxy", 1, NULL, 'x'},   {"others", 1, NULL, 'o'},      {"tls", 0, NULL, 't'},
    {NULL, 0, NULL, 0}};

static void take_option(int name) {
    switch (name) {
    case 'p': options.port = atoi(optarg); break;
    case 'c': options.connections = atoi(optarg); break;
    case 'b': options.payload = atoi(optarg); break;
    case 's': options.seconds = atof(optarg); break;
    case 'w': options.warm = atof(optarg); break;
    case 'r': options.rate = atof(optarg); break;
    case 'x': options.proxy = optarg; break;
    case 'o': options.others = optarg; break;
    case 't': options.tls = 1; break;
    default: exit(2); // getopt has said what is wrong
    }
}

int main(int argc, char **argv) {
    for (int name; (name = getopt_long(argc, argv, "", NAMES, NULL)) != -1;) take_option(name);
    allow_many_descriptors();
    signal(SIGPIPE, SIG_IGN); // a peer that has reset is an error of that write, not the end of us
    epoll = epoll_create1(0);
    for (size_t i = 0; optind < argc && i < sizeof MODES / sizeof *MODES; i++) {
        if (strcmp(argv[optind], MODES[i].name)) continue;
        MODES[i].run();
        return 0;
    }
    fprintf(stderr, "usage: wsload serve|closed|open|idle|churn --port N ...; the head of wsload.c says the rest\n");
    return 2;
}
