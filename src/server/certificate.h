/* certificate.h - a self-signed certificate made on the spot, for wss on this machine.
 *
 * Threads: any thread.
 */
#ifndef MW_SERVER_CERTIFICATE_H
#define MW_SERVER_CERTIFICATE_H

#include "base/status.h"

/* PEM texts, owned; both NULL in an empty pair. */
struct mw_certificate {
    char *certificate, *key;
};

/* Makes a key and a certificate for localhost, 127.0.0.1 and ::1 that is good for a month. Errors:
 * MW_ETLS. */
MW_MUST_USE mw_status mw_certificate_make(struct mw_certificate *pair, struct mw_error *err);

/* Reads two PEM files and checks that they are a certificate and its key. Errors: MW_ETLS, with the
 * file. */
MW_MUST_USE mw_status mw_certificate_check(const char *certificate_file, const char *key_file,
                                           struct mw_error *err);

void mw_certificate_deinit(struct mw_certificate *pair);

#endif
