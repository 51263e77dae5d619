/* certificate.c - making and checking of certificates with OpenSSL. */
#include "server/certificate.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/random.h"

enum {
    VALID_DAYS = 30,
    DAY_S = 86400, /* it begins a day ago, for clocks that differ */
    X509_V3 = 2,   /* versions are counted from 0 */
};

static mw_status fail_openssl(struct mw_error *err, const char *what)
{
    char reason[160];
    ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
    ERR_clear_error();
    return mw_fail(err, MW_ETLS, "%s: %s", what, reason);
}

static bool add_extension(X509 *x509, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good = extension != NULL && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool fill(X509 *x509, EVP_PKEY *key)
{
    uint64_t serial;
    mw_random_bytes(&serial, sizeof(serial));
    static const unsigned char name[] = "Moonwick simulator";
    X509_NAME *subject = X509_get_subject_name(x509);
    return X509_set_version(x509, X509_V3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(x509), -DAY_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(x509), (long)VALID_DAYS * DAY_S) != NULL &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(x509, subject) == 1 && X509_set_pubkey(x509, key) == 1 &&
           add_extension(x509, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
           add_extension(x509, NID_basic_constraints, "critical,CA:TRUE") &&
           add_extension(x509, NID_subject_key_identifier, "hash") &&
           X509_sign(x509, key, EVP_sha256()) > 0;
}

static char *text_of(BIO *bio)
{
    char *data;
    long length = BIO_get_mem_data(bio, &data);
    return mw_strndup(data, (size_t)length);
}

mw_status mw_certificate_make(struct mw_certificate *pair, struct mw_error *err)
{
    mw_status status = MW_OK;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    BIO *x509_text = BIO_new(BIO_s_mem()), *key_text = BIO_new(BIO_s_mem());
    if (key != NULL && x509 != NULL && x509_text != NULL && key_text != NULL && fill(x509, key) &&
        PEM_write_bio_X509(x509_text, x509) == 1 &&
        PEM_write_bio_PrivateKey_traditional(key_text, key, NULL, NULL, 0, NULL, NULL) == 1) {
        pair->certificate = text_of(x509_text);
        pair->key = text_of(key_text);
    } else {
        status = fail_openssl(err, "cannot make a certificate");
    }
    BIO_free(key_text);
    BIO_free(x509_text);
    X509_free(x509);
    EVP_PKEY_free(key);
    return status;
}

mw_status mw_certificate_check(const char *certificate_file, const char *key_file,
                               struct mw_error *err)
{
    mw_status status = MW_OK;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        return fail_openssl(err, "cannot use TLS");
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1)
        status = fail_openssl(err, certificate_file);
    else if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        status = fail_openssl(err, key_file);
    SSL_CTX_free(context);
    return status;
}

void mw_certificate_deinit(struct mw_certificate *pair)
{
    mw_free(pair->certificate);
    pair->certificate = NULL;
    if (pair->key != NULL)
        OPENSSL_cleanse(pair->key, strlen(pair->key));
    mw_free(pair->key);
    pair->key = NULL;
}
