/* Plain C functions that the Cython transport (realmsync/transport/websocket.pyx) calls on the
   engine without a Python object per message. A runtime hands out the struct in a PyCapsule named
   REALMSYNC_ENDPOINT_CAPSULE; it lives as long as the runtime. Call on the event loop's thread. */
#ifndef REALMSYNC_BRIDGE_H
#define REALMSYNC_BRIDGE_H

#include <stddef.h>
#include <stdint.h>

#define REALMSYNC_ENDPOINT_CAPSULE "realmsync._core.endpoint_v1"
#define REALMSYNC_HEAD_ROOM 16 /* writable bytes in front of an outgoing message: frame header */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    char* data; /* the message; REALMSYNC_HEAD_ROOM bytes before it are writable too */
    size_t size;
    void* owner; /* for release() */
} realmsync_message;

typedef struct {
    void* self;
    /* One whole binary message. Never fails: a bad message makes the engine close the connection
       by its own events. */
    void (*receive)(void* self, uint64_t connection, const char* data, size_t size, int64_t now_ms);
    /* Takes the next message to send: 1 if there is one, 0 if not. The message may be modified
       (masking) and must be given back with release(). */
    int (*next_message)(void* self, uint64_t connection, int64_t now_ms, realmsync_message* out);
    void (*release)(void* self, realmsync_message* message);
} realmsync_endpoint;

#ifdef __cplusplus
}
#endif
#endif
