/* raw_ws.h - a blocking WebSocket client for tests that shares no code with ours.
 *
 * Sends what it is told, right or wrong, masked with zeros; reads frame by frame. Nothing waits
 * longer than ten seconds: a read that does fails, and with it the test.
 *
 * Threads: the owner's.
 */
#ifndef MW_SUPPORT_RAW_WS_H
#define MW_SUPPORT_RAW_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RAW_TEXT = 1, RAW_BINARY = 2, RAW_CLOSE = 8, RAW_PING = 9, RAW_PONG = 10, RAW_FIN = 0x80 };

struct raw_ws; /* opaque */

struct raw_frame {
    int opcode;       /* without the FIN bit; -1 when the connection ended or time ran out */
    const char *data; /* followed by a NUL; borrowed until the next read */
    size_t length;
};

/* Connects to 127.0.0.1 and asks for an upgrade of `path`. With `ca_pem`, over TLS to a certificate
 * that these vouch for, as "localhost". NULL when there is no connection; see raw_ws_status. */
struct raw_ws *raw_ws_open(uint16_t port, const char *path, const char *ca_pem);
void raw_ws_close(struct raw_ws *ws);

/* The HTTP status of the answer: 101 when frames may be sent; 0 when there was none. */
int raw_ws_status(const struct raw_ws *ws);

/* Sends a frame; `first` is its first byte, an opcode and RAW_FIN. */
bool raw_ws_send(struct raw_ws *ws, int first, const char *data, size_t length);
bool raw_ws_send_text(struct raw_ws *ws, const char *text);

struct raw_frame raw_ws_read(struct raw_ws *ws);

#endif
