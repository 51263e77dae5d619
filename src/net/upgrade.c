/* upgrade.c - keys from OpenSSL, headers through libwebsockets. */
#include "net/upgrade.h"

#include <libwebsockets.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/random.h"

void mw_upgrade_key(char key[MW_UPGRADE_KEY_BYTES])
{
    unsigned char bytes[16];
    mw_random_bytes(bytes, sizeof(bytes));
    MW_CHECK(EVP_EncodeBlock((unsigned char *)key, bytes, sizeof(bytes)) ==
             MW_UPGRADE_KEY_BYTES - 1);
}

void mw_upgrade_accept(const char *key, char accept[MW_UPGRADE_ACCEPT_BYTES])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[MW_UPGRADE_KEY_BYTES + sizeof(guid)];
    int length = snprintf(text, sizeof(text), "%s%s", key, guid);
    unsigned char digest[20];
    unsigned digest_length = 0;
    MW_CHECK(EVP_Digest(text, (size_t)length, digest, &digest_length, EVP_sha1(), NULL) == 1 &&
             digest_length == sizeof(digest));
    MW_CHECK(EVP_EncodeBlock((unsigned char *)accept, digest, sizeof(digest)) ==
             MW_UPGRADE_ACCEPT_BYTES - 1);
}

int mw_upgrade_ask(const char *key, char **at, size_t room)
{
    /* lws writes "connection: close" unless it may send several requests through one connection. */
    static const char close_header[] = "connection: close\r\n";
    size_t length = sizeof(close_header) - 1;
    if (memcmp(*at - length, close_header, length) == 0) {
        *at -= length;
        room += length;
    }
    int used = snprintf(*at, room,
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Key: %s\r\n"
                        "Sec-WebSocket-Version: 13\r\n"
                        "User-Agent: moonwick\r\n",
                        key);
    if (used < 0 || (size_t)used >= room)
        return -1;
    *at += used;
    return 0;
}

/* Whether the comma list of a header has `word`, in letters of any case. */
static bool header_has(struct lws *wsi, enum lws_token_indexes token, const char *word)
{
    char list[128];
    if (lws_hdr_copy(wsi, list, sizeof(list), token) <= 0)
        return false;
    char *rest = list;
    for (char *item = strsep(&rest, ","); item != NULL; item = strsep(&rest, ",")) {
        item += strspn(item, " \t");
        item[strcspn(item, " \t")] = '\0';
        if (strcasecmp(item, word) == 0)
            return true;
    }
    return false;
}

static const char *find_fault(const char *key, struct lws *wsi)
{
    char wanted[MW_UPGRADE_ACCEPT_BYTES], got[MW_UPGRADE_ACCEPT_BYTES];
    mw_upgrade_accept(key, wanted);
    if (!header_has(wsi, WSI_TOKEN_UPGRADE, "websocket"))
        return "the answer has no 'Upgrade: websocket'";
    if (!header_has(wsi, WSI_TOKEN_CONNECTION, "upgrade"))
        return "the answer has no 'Connection: Upgrade'";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ACCEPT) != MW_UPGRADE_ACCEPT_BYTES - 1 ||
        lws_hdr_copy(wsi, got, sizeof(got), WSI_TOKEN_ACCEPT) <= 0 || strcmp(got, wanted) != 0)
        return "Sec-WebSocket-Accept does not belong to our key";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_EXTENSIONS) > 0 ||
        lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) > 0)
        return "the answer has an extension or subprotocol that was not asked for";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 ||
        lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return "the answer has a body";
    return NULL;
}

mw_status mw_upgrade_check(const char *key, struct lws *wsi, struct mw_error *err)
{
    int http_status = (int)lws_http_client_http_response(wsi);
    if (http_status != 101)
        return mw_fail_code(err, MW_EHANDSHAKE, http_status,
                            "the server answered the upgrade with HTTP status %d instead of 101",
                            http_status);
    const char *fault = find_fault(key, wsi);
    if (fault != NULL)
        return mw_fail_code(err, MW_EHANDSHAKE, http_status, "the upgrade is not valid: %s", fault);
    return MW_OK;
}
