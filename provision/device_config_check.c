// SPDX-License-Identifier: Apache-2.0
// What would only be noticed when the device first calls home.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>

#include "provision/device_config_internal.h"
#include "provision/device_name.h"

static ss_status_t refuse(struct ss_error *err, ss_status_t status, const char *what)
{
    return ss_error_set(err, status, SS_AREA_NONE, "device configuration: %s", what);
}

bool ss_device_file_is_pem(const struct ss_device_file *file)
{
    return file->len >= 11 && memmem(file->data, file->len, "-----BEGIN ", 11) != NULL;
}

static ss_status_t check_url(const char *url, bool plain_http, struct ss_error *err)
{
    bool secure = !strncasecmp(url, "https://", 8), plain = !strncasecmp(url, "http://", 7);
    size_t len = strlen(url), host = secure ? 8 : 7;

    if (!secure && !plain)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE, "%.80s is no https:// address", url);
    if (len > SS_DEVICE_CONFIG_MAX_URL)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE,
                            "a server address has %zu characters, the limit is %d", len, SS_DEVICE_CONFIG_MAX_URL);
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p >= 0x7F)
            return refuse(err, SS_ERROR_DATA_INVALID, "a server address holds a blank or a character beyond ASCII");
    size_t authority = strcspn(url + host, "/?#");
    if (!authority)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE, "%.80s names no server", url);
    if (memchr(url + host, '@', authority))
        return refuse(err, SS_ERROR_NOT_PERMITTED,
                      "a server address holds a user name: credentials have their own place");
    if (plain && !plain_http)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_NONE,
                            "%.80s: everyone on the way would read the device's token; use https://", url);
    return SS_OK;
}

static X509 *read_certificate(const struct ss_device_file *file)
{
    const uint8_t *der = file->data;
    if (file->len > INT32_MAX)
        return NULL;
    if (!ss_device_file_is_pem(file))
        return d2i_X509(NULL, &der, (long)file->len);
    BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return certificate;
}

static EVP_PKEY *read_key(const struct ss_device_file *file)
{
    const uint8_t *der = file->data;
    if (file->len > INT32_MAX)
        return NULL;
    if (!ss_device_file_is_pem(file))
        return d2i_AutoPrivateKey(NULL, &der, (long)file->len);
    BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
    // An empty passphrase instead of a question on the terminal: an encrypted key is none that a device can use.
    char passphrase[] = "";
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, passphrase) : NULL;
    BIO_free(bio);
    return key;
}

static bool holds_private_key(const struct ss_device_file *file)
{
    return file->data && memmem(file->data, file->len, "PRIVATE KEY-----", 16) != NULL;
}

static ss_status_t check_ca(const struct ss_device_file *file, struct ss_error *err)
{
    if (!file->data)
        return SS_OK;
    if (holds_private_key(file))
        return refuse(err, SS_ERROR_NOT_PERMITTED, "the CA file holds a private key");
    X509 *certificate = read_certificate(file);
    bool good = certificate != NULL;
    X509_free(certificate);
    ERR_clear_error();
    return good ? SS_OK : refuse(err, SS_ERROR_DATA_INVALID, "the CA file holds no certificate");
}

static ss_status_t check_name(X509 *certificate, const char *id, struct ss_error *err)
{
    char name[SS_DEVICE_NAME_SIZE + 1];
    if (!certificate)
        return refuse(err, SS_ERROR_DATA_INVALID, "the client certificate is none");
    int len = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    if (len < 0 || strcmp(name, id) != 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE,
                            "device configuration: the client certificate's common name is not %s", id);
    return SS_OK;
}

static ss_status_t check_key(X509 *certificate, EVP_PKEY *key, struct ss_error *err)
{
    if (!key)
        return refuse(err, SS_ERROR_DATA_INVALID, "the client key is no unencrypted private key");
    if (X509_check_private_key(certificate, key) != 1)
        return refuse(err, SS_ERROR_DATA_INVALID, "the client key is not the key of the client certificate");
    return SS_OK;
}

ss_status_t ss_device_certificate_check(const struct ss_device_file *file, const char *id, struct ss_error *err)
{
    X509 *certificate = read_certificate(file);
    ss_status_t status = check_name(certificate, id, err);
    X509_free(certificate);
    ERR_clear_error();
    return status;
}

static ss_status_t check_client(const struct ss_device_config *config, struct ss_error *err)
{
    if (!config->client_key.data != !config->client_certificate.data)
        return refuse(err, SS_ERROR_INVALID_ARGUMENT, "a client key and its certificate go together");
    if (!config->client_key.data)
        return SS_OK;
    if (config->token)
        return refuse(err, SS_ERROR_INVALID_ARGUMENT, "a device has a token or a client key, not both");
    if (holds_private_key(&config->client_certificate))
        return refuse(err, SS_ERROR_NOT_PERMITTED, "the client certificate's file holds a private key");
    X509 *certificate = read_certificate(&config->client_certificate);
    EVP_PKEY *key = read_key(&config->client_key);
    ss_status_t status = certificate ? check_key(certificate, key, err) : SS_OK;
    if (status == SS_OK)
        status = check_name(certificate, config->id, err);
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return status;
}

ss_status_t ss_device_config_check(const struct ss_device_config *config, struct ss_error *err)
{
    if (!config->id || !ss_device_name_valid(config->id))
        return refuse(err, SS_ERROR_INVALID_ARGUMENT, "the device id is not 1 to 64 of A-Z a-z 0-9 . _ -");
    if (config->token && !ss_device_token_valid(config->token))
        return refuse(err, SS_ERROR_INVALID_ARGUMENT, "the token is not 43 characters of base64url");
    if (config->server_count > SS_DEVICE_CONFIG_MAX_SERVERS)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE, "%u server addresses, the limit is %d",
                            config->server_count, SS_DEVICE_CONFIG_MAX_SERVERS);
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < config->server_count; i++)
        status = check_url(config->servers[i], config->plain_http, err);
    if (status == SS_OK)
        status = check_ca(&config->ca, err);
    if (status == SS_OK)
        status = check_client(config, err);
    return status;
}
