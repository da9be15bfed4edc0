// SPDX-License-Identifier: Apache-2.0
// Key files: which of the known forms is it, and a message that helps when it is none of them.
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>

#include "core/crypto.h"
#include "core/openssl.h"
#include "core/signing_key_internal.h"

static const char encrypted[] = "key is encrypted; decrypt it first: openssl pkey -in KEY -out NEW";

static const uint8_t oid_ec[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};
static const uint8_t oid_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};
static const uint8_t oid_p192[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x01};
static const uint8_t oid_p256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
static const uint8_t oid_p384[] = {0x2B, 0x81, 0x04, 0x00, 0x22};

static bool is_oid(struct ss_der oid, const uint8_t *want, size_t len)
{
    return oid.len == len && memcmp(oid.p, want, len) == 0;
}

static ss_status_t unsound(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY, "PEM block holds no sound key");
}

// Name of an object identifier for a message, "secp521r1"; its numbers if nobody knows it.
static void oid_name(struct ss_der oid, char *name, size_t size)
{
    uint8_t der[2 + 32] = {SS_DER_OID, (uint8_t)oid.len};
    const uint8_t *p = der;
    ASN1_OBJECT *object = NULL;
    if (oid.len <= 32) {
        memcpy(der + 2, oid.p, oid.len);
        object = d2i_ASN1_OBJECT(NULL, &p, (long)(2 + oid.len));
    }
    if (!object || OBJ_obj2txt(name, (int)size, object, 0) <= 0)
        strcpy(name, "unknown");
    ASN1_OBJECT_free(object);
    ERR_clear_error();
}

// ECParameters (RFC 5480): a curve's name, or its numbers written out.
static ss_status_t read_curve(struct ss_der *in, enum ss_key_type *type, struct ss_error *err)
{
    struct ss_der oid;
    char name[64];
    if (!ss_der_take(in, SS_DER_OID, &oid)) {
        if (in->len && in->p[0] == SS_DER_SEQUENCE)
            return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY,
                                "key has its curve written out; name it: openssl ec -param_enc named_curve -in KEY "
                                "-out NEW");
        return unsound(err);
    }
    if (is_oid(oid, oid_p256, sizeof oid_p256))
        *type = SS_KEY_P256;
    else if (is_oid(oid, oid_p192, sizeof oid_p192))
        *type = SS_KEY_P192;
    else if (is_oid(oid, oid_p384, sizeof oid_p384))
        *type = SS_KEY_P384;
    else {
        oid_name(oid, name, sizeof name);
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY,
                            "key is on curve %s, secure boot takes P-256 (V1, V2), P-192 and P-384 (V2)", name);
    }
    return SS_OK;
}

// RFC 5915, ECPrivateKey: { 1, secret, [0] curve, [1] public point }; the last two may be missing. Within PKCS#8 the
// curve stands outside: @p outer.
static ss_status_t read_ec_private(struct ss_der in, const enum ss_key_type *outer, ss_signing_key_t **key,
                                   struct ss_error *err)
{
    struct ss_der seq, secret, curve, wrapped, point = {0};
    enum ss_key_type type = outer ? *outer : SS_KEY_P256;
    uint8_t version;
    if (!ss_der_take(&in, SS_DER_SEQUENCE, &seq) || in.len || !ss_der_take_small(&seq, &version) || version != 1 ||
        !ss_der_take(&seq, SS_DER_OCTET_STRING, &secret))
        return unsound(err);
    bool named = ss_der_take(&seq, SS_DER_CONTEXT_0, &curve);
    if (!named && !outer)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY, "private key does not say its curve");
    if (named) {
        ss_status_t status = read_curve(&curve, &type, err);
        if (status != SS_OK)
            return status;
        if (curve.len || (outer && *outer != type))
            return unsound(err);
    }
    if (ss_der_take(&seq, SS_DER_CONTEXT_1, &wrapped) && (!ss_der_take_bits(&wrapped, &point) || wrapped.len))
        return unsound(err);
    return seq.len ? unsound(err) : ss_signing_key_from_ec(type, secret, point, key, err);
}

static ss_status_t read_sec1(struct ss_der in, ss_signing_key_t **key, struct ss_error *err)
{
    return read_ec_private(in, NULL, key, err);
}

// RFC 8017, RSAPrivateKey: { 0, eight numbers }.
static ss_status_t read_rsa_private(struct ss_der in, ss_signing_key_t **key, struct ss_error *err)
{
    struct ss_der seq, numbers[SS_RSA_PRIVATE_NUMBERS];
    uint8_t version;
    if (!ss_der_take(&in, SS_DER_SEQUENCE, &seq) || in.len || !ss_der_take_small(&seq, &version) || version != 0)
        return unsound(err);
    for (size_t i = 0; i < SS_RSA_PRIVATE_NUMBERS; i++)
        if (!ss_der_take_unsigned(&seq, &numbers[i]))
            return unsound(err);
    return seq.len ? unsound(err) : ss_signing_key_from_rsa(numbers, SS_RSA_PRIVATE_NUMBERS, key, err);
}

// RFC 8017, RSAPublicKey: { n, e }.
static ss_status_t read_rsa_public(struct ss_der in, ss_signing_key_t **key, struct ss_error *err)
{
    struct ss_der seq, numbers[SS_RSA_PUBLIC_NUMBERS];
    if (!ss_der_take(&in, SS_DER_SEQUENCE, &seq) || in.len || !ss_der_take_unsigned(&seq, &numbers[0]) ||
        !ss_der_take_unsigned(&seq, &numbers[1]) || seq.len)
        return unsound(err);
    return ss_signing_key_from_rsa(numbers, SS_RSA_PUBLIC_NUMBERS, key, err);
}

// AlgorithmIdentifier { oid, parameters }: RSA with NULL, or EC with its curve.
static ss_status_t read_algorithm(struct ss_der *in, enum ss_key_type *type, struct ss_error *err)
{
    struct ss_der seq, oid, null;
    char name[64];
    if (!ss_der_take(in, SS_DER_SEQUENCE, &seq) || !ss_der_take(&seq, SS_DER_OID, &oid))
        return unsound(err);
    if (is_oid(oid, oid_ec, sizeof oid_ec)) {
        ss_status_t status = read_curve(&seq, type, err);
        return status == SS_OK && seq.len ? unsound(err) : status;
    }
    if (is_oid(oid, oid_rsa, sizeof oid_rsa)) {
        *type = SS_KEY_RSA3072;
        return ss_der_take(&seq, SS_DER_NULL, &null) && null.len == 0 && seq.len == 0 ? SS_OK : unsound(err);
    }
    oid_name(oid, name, sizeof name);
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY, "key is for %s, secure boot takes ECDSA and RSA",
                        name);
}

// RFC 5958, PrivateKeyInfo: { 0 or 1, algorithm, key, attributes and public key that nobody needs }.
static ss_status_t read_pkcs8(struct ss_der in, ss_signing_key_t **key, struct ss_error *err)
{
    struct ss_der seq, inner;
    enum ss_key_type type;
    uint8_t version;
    if (!ss_der_take(&in, SS_DER_SEQUENCE, &seq) || in.len || !ss_der_take_small(&seq, &version) || version > 1)
        return unsound(err);
    ss_status_t status = read_algorithm(&seq, &type, err);
    if (status != SS_OK)
        return status;
    if (!ss_der_take(&seq, SS_DER_OCTET_STRING, &inner))
        return unsound(err);
    return type == SS_KEY_RSA3072 ? read_rsa_private(inner, key, err) : read_ec_private(inner, &type, key, err);
}

// RFC 5280, SubjectPublicKeyInfo: { algorithm, bits }.
static ss_status_t read_public(struct ss_der in, ss_signing_key_t **key, struct ss_error *err)
{
    struct ss_der seq, bits;
    enum ss_key_type type;
    if (!ss_der_take(&in, SS_DER_SEQUENCE, &seq) || in.len)
        return unsound(err);
    ss_status_t status = read_algorithm(&seq, &type, err);
    if (status != SS_OK)
        return status;
    if (!ss_der_take_bits(&seq, &bits) || seq.len)
        return unsound(err);
    return type == SS_KEY_RSA3072 ? read_rsa_public(bits, key, err)
                                  : ss_signing_key_from_ec(type, (struct ss_der){0}, bits, key, err);
}

static const struct form {
    const char *label;
    ss_status_t (*read)(struct ss_der in, ss_signing_key_t **key, struct ss_error *err);
    const char *refusal; ///< where there is no read()
} forms[] = {
    {"EC PRIVATE KEY", read_sec1, NULL},
    {"RSA PRIVATE KEY", read_rsa_private, NULL},
    {"PRIVATE KEY", read_pkcs8, NULL},
    {"PUBLIC KEY", read_public, NULL},
    {"RSA PUBLIC KEY", read_rsa_public, NULL},
    {"ENCRYPTED PRIVATE KEY", NULL, encrypted},
    {"CERTIFICATE", NULL, "this is a certificate; extract its key: openssl x509 -in CERT -noout -pubkey"},
    {"OPENSSH PRIVATE KEY", NULL, "this is an OpenSSH key; convert it: ssh-keygen -p -m PEM -f KEY"},
};
#define FORM_COUNT (sizeof forms / sizeof *forms)

static ss_status_t load_block(const char *label, const char *header, struct ss_der der, ss_signing_key_t **key,
                              struct ss_error *err)
{
    size_t i = 0;
    while (i < FORM_COUNT && strcmp(label, forms[i].label) != 0)
        i++;
    if (i == FORM_COUNT)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY, "PEM block \"%.40s\" is not a key", label);
    if (!forms[i].read)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY, "%s", forms[i].refusal);
    if (strstr(header, "ENCRYPTED"))
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY, "%s", encrypted);
    return forms[i].read(der, key, err);
}

// OpenSSL's key readers ask for a pass phrase on the terminal, and do not wipe; so only its PEM armour reader is used.
static ss_status_t load_pem(const uint8_t *file, size_t len, ss_signing_key_t **key, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    BIO *bio = BIO_new_mem_buf(file, (int)len);
    if (!bio)
        return ss_error_set(err, ss_openssl_status(SS_ERROR_GENERIC), SS_AREA_KEY, "cannot read the key");
    for (bool found = false; !found && status == SS_OK;) {
        char *label = NULL, *header = NULL;
        unsigned char *der = NULL;
        long der_len = 0;
        // With this flag it wipes the lines that it has read.
        if (!PEM_read_bio_ex(bio, &label, &header, &der, &der_len, PEM_FLAG_SECURE)) {
            status = ss_error_set(err, ss_openssl_status(SS_ERROR_DATA_INVALID), SS_AREA_KEY,
                                  "PEM text is damaged or holds no key");
            break;
        }
        found = strcmp(label, "EC PARAMETERS") != 0;
        if (found)
            status = load_block(label, header, (struct ss_der){der, (size_t)der_len}, key, err);
        OPENSSL_secure_free(label);
        OPENSSL_secure_free(header);
        OPENSSL_secure_clear_free(der, (size_t)der_len);
    }
    BIO_free(bio);
    return status;
}

ss_status_t ss_signing_key_load_raw(const uint8_t xy[SS_RAW_PUBLIC_KEY_SIZE], ss_signing_key_t **key,
                                    struct ss_error *err)
{
    uint8_t octets[1 + SS_RAW_PUBLIC_KEY_SIZE] = {0x04}; // uncompressed point, SEC 1
    memcpy(octets + 1, xy, SS_RAW_PUBLIC_KEY_SIZE);
    return ss_signing_key_from_ec(SS_KEY_P256, (struct ss_der){0}, (struct ss_der){octets, sizeof octets}, key, err);
}

ss_status_t ss_signing_key_load(const uint8_t *file, size_t len, ss_signing_key_t **key, struct ss_error *err)
{
    *key = NULL;
    struct ss_der in = {file, len}, seq;
    if (len == SS_RAW_PUBLIC_KEY_SIZE)
        return ss_signing_key_load_raw(file, key, err);
    if (len > SS_SIGNING_KEY_FILE_MAX)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY, "key file is %zu bytes, at most %d are read", len,
                            SS_SIGNING_KEY_FILE_MAX);
    if (len && memmem(file, len, "-----BEGIN ", 11))
        return load_pem(file, len, key, err);
    if (ss_der_take(&in, SS_DER_SEQUENCE, &seq) && in.len == 0)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY,
                            "key is DER; convert it to PEM: openssl pkey -inform DER -in KEY -out NEW "
                            "(with -pubin for a public key)");
    if (len == 1 + SS_RAW_PUBLIC_KEY_SIZE && file[0] == 0x04)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY,
                            "key is a point with its leading byte 04; a raw public key is the 64 bytes after it");
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY,
                        "key file of %zu bytes is neither PEM nor a raw public key of %d bytes", len,
                        SS_RAW_PUBLIC_KEY_SIZE);
}
