/* certificate.c - X.509 with OpenSSL. */
#include "certificate.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/check.h"

enum { SECONDS_PER_DAY = 86400 };

static atomic_long serial_last = 1;

static void add_extension(X509 *x509, X509 *issuer, int id, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    MW_CHECK(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static struct mw_certificate *make(const char *name, long from_s, long until_s)
{
    struct mw_certificate *certificate = mw_alloc_zero(sizeof(*certificate));
    certificate->key = EVP_EC_gen("P-256");
    certificate->x509 = X509_new();
    MW_CHECK(certificate->key != NULL && certificate->x509 != NULL);
    X509 *x509 = certificate->x509;
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), atomic_fetch_add(&serial_last, 1));
    X509_gmtime_adj(X509_getm_notBefore(x509), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x509), until_s);
    X509_set_pubkey(x509, certificate->key);
    MW_CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                                        (const unsigned char *)name, -1, -1, 0) == 1);
    return certificate;
}

struct mw_certificate *mw_certificate_new_authority(const char *name)
{
    struct mw_certificate *authority = make(name, -SECONDS_PER_DAY, SECONDS_PER_DAY);
    X509_set_issuer_name(authority->x509, X509_get_subject_name(authority->x509));
    add_extension(authority->x509, authority->x509, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(authority->x509, authority->x509, NID_key_usage, "critical,keyCertSign");
    MW_CHECK(X509_sign(authority->x509, authority->key, EVP_sha256()) > 0);
    return authority;
}

struct mw_certificate *mw_certificate_new(const struct mw_certificate *authority, const char *names,
                                          long from_s, long until_s)
{
    struct mw_certificate *certificate = make("test", from_s, until_s);
    X509_set_issuer_name(certificate->x509, X509_get_subject_name(authority->x509));
    add_extension(certificate->x509, authority->x509, NID_basic_constraints, "CA:FALSE");
    add_extension(certificate->x509, authority->x509, NID_subject_alt_name, names);
    MW_CHECK(X509_sign(certificate->x509, authority->key, EVP_sha256()) > 0);
    return certificate;
}

void mw_certificate_free(struct mw_certificate *certificate)
{
    if (certificate == NULL)
        return;
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    mw_free(certificate);
}

void mw_certificate_write(const struct mw_certificate *certificate, const char *path)
{
    FILE *file = fopen(path, "w");
    MW_CHECK(file != NULL && PEM_write_X509(file, certificate->x509) == 1);
    MW_CHECK(fclose(file) == 0);
}

void mw_certificate_write_key(const struct mw_certificate *certificate, const char *path)
{
    FILE *file = fopen(path, "w");
    MW_CHECK(file != NULL);
    MW_CHECK(PEM_write_PrivateKey(file, certificate->key, NULL, NULL, 0, NULL, NULL) == 1);
    MW_CHECK(fclose(file) == 0);
}
