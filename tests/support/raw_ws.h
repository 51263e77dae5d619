/* raw_ws.h - a blocking WebSocket and HTTP client for tests that shares no code with ours.
 *
 * Sends what it is told, right or wrong, masked with zeros; reads frame by frame, or plain bytes.
 * Nothing waits longer than ten seconds: a read that does fails, and with it the test.
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
    bool fin;         /* whether it is a message's last frame */
    const char *data; /* followed by a NUL; borrowed until the next read */
    size_t length;
};

/* Connects to 127.0.0.1 and asks for an upgrade of `path`. With `ca_pem`, over TLS to a certificate
 * that these vouch for, as "localhost". NULL when there is no connection; see raw_ws_status. */
struct raw_ws *raw_ws_open(uint16_t port, const char *path, const char *ca_pem);
void raw_ws_close(struct raw_ws *ws);

/* The two halves of raw_ws_open. */
struct raw_ws *raw_ws_connect(uint16_t port, const char *ca_pem);
void raw_ws_upgrade(struct raw_ws *ws, const char *path);

/* The HTTP status of the answer: 101 when frames may be sent; 0 when there was none. */
int raw_ws_status(const struct raw_ws *ws);

/* Sends a frame; `first` is its first byte, an opcode and RAW_FIN. */
bool raw_ws_send(struct raw_ws *ws, int first, const char *data, size_t length);
bool raw_ws_send_text(struct raw_ws *ws, const char *text);

/* Sends bytes as they are. */
bool raw_ws_write(struct raw_ws *ws, const char *bytes, size_t length);
/* Everything that comes until the connection ends, followed by a NUL; borrowed until the close. */
const char *raw_ws_read_all(struct raw_ws *ws);
/* The errno of the last read that failed: ECONNRESET, EAGAIN when time ran out; 0 for an orderly
 * end. */
int raw_ws_errno(const struct raw_ws *ws);
/* How long reads wait from now on. */
void raw_ws_set_patience(struct raw_ws *ws, int ms);

struct raw_frame raw_ws_read(struct raw_ws *ws);

#endif
