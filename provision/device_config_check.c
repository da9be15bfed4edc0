// SPDX-License-Identifier: Apache-2.0
// What would only be noticed when the device first calls home.
#include <openssl/err.h>
#include <string.h>
#include <strings.h>

#include "core/certificate.h"
#include "provision/device_config_internal.h"
#include "provision/device_name.h"

static ss_status_t refuse(struct ss_error *err, ss_status_t status, const char *what)
{
    return ss_error_set(err, status, SS_AREA_NONE, "device configuration: %s", what);
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
    X509 *certificate;
    ss_status_t status = ss_certificate_read(file->data, file->len, &certificate);
    X509_free(certificate);
    return status == SS_OK ? SS_OK : refuse(err, status, "the CA file holds no certificate");
}

static ss_status_t read_certificate(const struct ss_device_file *file, X509 **out, struct ss_error *err)
{
    ss_status_t status = ss_certificate_read(file->data, file->len, out);
    return status == SS_OK ? SS_OK : refuse(err, status, "the client certificate is none");
}

static ss_status_t check_name(X509 *certificate, const char *id, struct ss_error *err)
{
    char name[SS_DEVICE_NAME_SIZE + 1];
    int len = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    if (len < 0 || strcmp(name, id) != 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE,
                            "device configuration: the client certificate's common name is not %s", id);
    return SS_OK;
}

static ss_status_t check_key(X509 *certificate, const struct ss_device_file *file, struct ss_error *err)
{
    EVP_PKEY *key;
    ss_status_t status = ss_certificate_read_key(file->data, file->len, &key);
    if (status != SS_OK)
        status = refuse(err, status, "the client key is no unencrypted private key");
    else if (X509_check_private_key(certificate, key) != 1)
        status = refuse(err, SS_ERROR_DATA_INVALID, "the client key is not the key of the client certificate");
    EVP_PKEY_free(key);
    return status;
}

ss_status_t ss_device_certificate_check(const struct ss_device_file *file, const char *id, struct ss_error *err)
{
    X509 *certificate;
    ss_status_t status = read_certificate(file, &certificate, err);
    if (status == SS_OK)
        status = check_name(certificate, id, err);
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
    X509 *certificate;
    ss_status_t status = read_certificate(&config->client_certificate, &certificate, err);
    if (status == SS_OK)
        status = check_key(certificate, &config->client_key, err);
    if (status == SS_OK)
        status = check_name(certificate, config->id, err);
    X509_free(certificate);
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
