/* certificate.h - certificate authorities and certificates made on the spot, for tests.
 *
 * Trouble aborts: a test that cannot make its certificates has nothing to say.
 *
 * Threads: any thread; an object belongs to whoever made it and may be read by others.
 */
#ifndef MW_SUPPORT_CERTIFICATE_H
#define MW_SUPPORT_CERTIFICATE_H

struct x509_st;     /* OpenSSL's X509 */
struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

struct mw_certificate {
    struct x509_st *x509;    /* owns */
    struct evp_pkey_st *key; /* owns; P-256 */
};

/* Makes a self-signed authority that is valid for a day. */
struct mw_certificate *mw_certificate_new_authority(const char *name);

/* Makes a certificate for `names` ("DNS:localhost,IP:127.0.0.1") that `authority` has signed, valid
 * from and until so many seconds from now. */
struct mw_certificate *mw_certificate_new(const struct mw_certificate *authority, const char *names,
                                          long from_s, long until_s);
void mw_certificate_free(struct mw_certificate *certificate);

/* Writes the certificate, without its key, as PEM. */
void mw_certificate_write(const struct mw_certificate *certificate, const char *path);
/* Writes the key as PEM. */
void mw_certificate_write_key(const struct mw_certificate *certificate, const char *path);

#endif
