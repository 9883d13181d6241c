// WebSocket frames (RFC 6455 5.2) and the handshake's key, as far as this load needs them: whole frames below 64 KiB.
#pragma once
#include "wsload_base.h"

enum { TEXT = 0x1, CLOSE = 0x8, PING = 0x9, PONG = 0xA, FINAL = 0x80, MASKED = 0x80, LARGEST_HEAD = 8 };

struct frame {
    int opcode, size, whole; // `whole`: bytes of the frame with its head
    unsigned char *key;      // NULL: not masked
    char *payload;
};

enum parsed { INCOMPLETE, COMPLETE, REFUSED };

static enum parsed parse_frame(struct frame *frame, char *data, int size) {
    unsigned char *head = (unsigned char *)data;
    int at = 2;
    if (size < at) return INCOMPLETE;
    frame->opcode = head[0] & 15;
    frame->size = head[1] & 127;
    if (frame->size == 127) return REFUSED;
    if (frame->size == 126) {
        if (size < 4) return INCOMPLETE;
        frame->size = head[2] << 8 | head[3];
        at = 4;
    }
    frame->key = head[1] & MASKED ? head + at : NULL;
    at += frame->key ? 4 : 0;
    frame->payload = data + at;
    frame->whole = at + frame->size;
    return size < frame->whole ? INCOMPLETE : COMPLETE;
}

static void apply_mask(char *payload, const unsigned char *key, int size) {
    for (int i = 0; i < size; i++) payload[i] ^= key[i & 3];
}

// Writes the head so that it ends where the payload begins; `key` is NULL or four bytes. Returns the frame's first byte.
static char *put_head(char *payload, int opcode, int size, const unsigned char *key) {
    unsigned char *at = (unsigned char *)payload;
    int mask = key ? MASKED : 0;
    if (key) memcpy(at -= 4, key, 4);
    if (size < 126) {
        *--at = mask | size;
    } else {
        *--at = size;
        *--at = size >> 8;
        *--at = mask | 126;
    }
    *--at = FINAL | opcode;
    return (char *)at;
}

// RFC 6455 4.2.2: what answers a Sec-WebSocket-Key. `out` has room for 32 bytes.
static void accept_key(const char *key, int size, char *out) {
    static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char text[128], digest[EVP_MAX_MD_SIZE];
    memcpy(text, key, size);
    memcpy(text + size, GUID, sizeof GUID - 1);
    EVP_Digest(text, size + sizeof GUID - 1, digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)out, digest, 20);
}
