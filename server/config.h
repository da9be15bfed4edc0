// SPDX-License-Identifier: Apache-2.0
// What the server is told: one INI file, read through a table. Unknown keys, keys that stand twice and values out of
// range are errors that name file and line. Secrets never stand in it: keys and tokens are named by file, credential or
// token.
//
//   [server]            who listens where, as what, and on which store
//   listen = 0.0.0.0:8443
//   url = https://updates.example.com
//   [sealer]            the process that opens the vault; or, on another host, how the two find each other
//   [presealed]         instead of a sealer: ciphertext and statements sealed elsewhere
//   [log], [limits]
//
// ss_server_config_sample() prints the whole table as a file with its defaults.
#ifndef SS_SERVER_CONFIG_H
#define SS_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "slotseal/error.h"

/// Longest configuration file, bytes.
#define SS_SERVER_CONFIG_MAX 65536u
/// Longest line, bytes, without its end.
#define SS_SERVER_CONFIG_LINE_MAX 4096u
/// Most values of one key.
#define SS_SERVER_CONFIG_LIST_MAX 64u

/// Values of a key that may stand more than once, in order.
struct ss_config_list {
    char **items;
    unsigned count;
};

/// A block of addresses: an address and how many of its leading bits count.
struct ss_address_block {
    uint8_t address[16]; ///< IPv4 as ::ffff:a.b.c.d
    uint8_t bits;        ///< 0 to 128
};

struct ss_address_blocks {
    struct ss_address_block items[SS_SERVER_CONFIG_LIST_MAX];
    unsigned count;
};

enum ss_client_certificates {
    SS_CLIENT_CERTIFICATES_NO,       ///< nobody is asked for one
    SS_CLIENT_CERTIFICATES_ACCEPTED, ///< a certificate or a token
    SS_CLIENT_CERTIFICATES_REQUIRED, ///< a connection without one ends
};

enum ss_log_format { SS_LOG_LOGFMT, SS_LOG_JSON };
enum ss_log_level { SS_LOG_DEBUG, SS_LOG_INFO, SS_LOG_WARNING, SS_LOG_ERROR };

/// How often devices ask: written HH:MM:SS or HH:MM:SS~N%.
struct ss_polling {
    uint32_t seconds; ///< 1 to 86,399
    uint8_t jitter;   ///< percent by which each device's time may differ, 0 to 90
};

/// Everything in the file. Texts are NULL where the file says nothing and there is no default; they belong to the
/// configuration.
struct ss_server_config {
    struct {
        struct ss_config_list listen; ///< ADDRESS:PORT or [ADDRESS]:PORT
        char *url;                    ///< what devices call this server, without a slash at the end
        char *certificate, *key;      ///< PEM files of the server's own certificate (chain) and key; NULL: plain HTTP
        char *client_ca;              ///< PEM file: who signs device certificates
        enum ss_client_certificates client_certificates;
        char *tenant; ///< the first part of every path; "DEFAULT"
        char *store;  ///< sqlite:PATH or postgresql://…
        struct ss_polling polling;
        struct ss_address_blocks proxies;        ///< reverse proxies whose headers are believed
        struct ss_config_list proxy_authorities; ///< X-Authority values that vouch for X-Controller-Id
        struct ss_address_blocks metrics;        ///< who may read /metrics
        char *gateway_token;                     ///< file with a token that may act as any device; NULL: none
        char *new_devices;                       ///< opaque product of who registers itself; NULL: nobody may
        bool plain_http;                         ///< links without TLS are meant: offered as download-http
        char *user;                              ///< whom the front becomes; NULL: it stays who it is
        unsigned threads;                        ///< that serve connections; 0: one a processor
        unsigned workers;                        ///< that wait for the store
    } server;
    struct {
        char *vault;        ///< as --vault
        char *vault_key;    ///< as --vault-key
        char *delivery_key; ///< file, credential:NAME or pkcs11: URI of the key that signs deliveries
        char *upload_key;   ///< file or credential:NAME of the key that opens uploads
        char *key_set;      ///< file, or folder of them: the root-signed key sets that the sealer is pinned to
        char *listen;       ///< front: where a remote sealer connects to, ADDRESS:PORT; NULL: the sealer is local
        char *connect;      ///< remote sealer: the front's HOST:PORT
        char *certificate, *key, *ca; ///< PEM files of this end's certificate and key, and who signs the other's
        struct ss_config_list readable, writable; ///< what token modules and database clients need beside
        bool confine_files;                       ///< Landlock
        uint64_t plaintext_cache;                 ///< locked memory for windows of current releases, bytes
        unsigned ciphers;                         ///< devices whose cipher is kept ready
    } sealer;
    struct {
        char *folder;  ///< statements and ciphertext sealed elsewhere; NULL: there is a sealer
        char *key_set; ///< file or folder: the root-signed key sets on which those of the folder have to hang
    } presealed;
    struct {
        enum ss_log_format format;
        enum ss_log_level level;
    } log;
    struct {
        unsigned connections;             ///< at once
        unsigned connections_per_address; ///< at once; 0: no limit
        unsigned downloads;               ///< at once
        unsigned downloads_per_device;    ///< at once
        unsigned device_rate;             ///< requests a device may make a second, over ten seconds; 0: no limit
        unsigned address_rate;            ///< the same of one address
        unsigned guesses;                 ///< failed credentials of one address a minute; 0: no limit
        unsigned new_devices;             ///< that register themselves, all together, an hour; 0: no limit
        unsigned timeout;                 ///< seconds a connection may be silent
        unsigned request_timeout;         ///< seconds a request may take to arrive
        uint64_t history, history_device; ///< what devices may say of one action, and of all, bytes
        uint64_t upload;                  ///< largest release, bytes
    } limits;
};

/// Reads the file at @p path. *@p config is NULL on error; freed with ss_server_config_free().
///   SS_ERROR_IO                  the file cannot be read
///   SS_ERROR_INSUFFICIENT_SPACE  it is longer than SS_SERVER_CONFIG_MAX
///   SS_ERROR_DATA_INVALID        a line is wrong; the message begins with "PATH:LINE: "
///   SS_ERROR_INSUFFICIENT_MEMORY
SS_MUST_USE ss_status_t ss_server_config_read(const char *path, struct ss_server_config **config, struct ss_error *err);
/// The same for @p len bytes of @p text; @p name stands in messages.
SS_MUST_USE ss_status_t ss_server_config_parse(const char *name, const char *text, size_t len,
                                               struct ss_server_config **config, struct ss_error *err);
/// Sets [presealed] folder. SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_server_config_set_presealed(struct ss_server_config *config, const char *folder,
                                                       struct ss_error *err);
/// NULL is allowed.
void ss_server_config_free(struct ss_server_config *config);

/// Checks what a front needs: listen, url, store, certificate with key or plain_http, client_ca where certificates are
/// asked for, that there is not both a folder of presealed files and a sealer, and that such a folder has a key_set.
/// SS_ERROR_INVALID_ARGUMENT names the key that is missing or contradicts.
SS_MUST_USE ss_status_t ss_server_config_check_front(const struct ss_server_config *config, struct ss_error *err);

/// Prints a file with every key, its meaning and its default.
void ss_server_config_sample(FILE *out);

/// Reads "ADDRESS:PORT" or "[ADDRESS]:PORT" (numeric address) to @p out. False if it is none.
bool ss_address_parse(const char *text, struct sockaddr_storage *out, socklen_t *len);
/// Reads "10.0.0.0/8", "2001:db8::/32" or a single address. False if it is none, or bits are set behind the block.
bool ss_address_block_parse(const char *text, struct ss_address_block *out);
/// Puts an IPv4 or IPv6 socket address in 16 bytes, IPv4 as ::ffff:a.b.c.d; all zero for other families.
void ss_address_bytes(const struct sockaddr *address, uint8_t out[16]);
/// For people: IPv4 with dots alone, IPv6 as in RFC 5952. @p size is at least INET6_ADDRSTRLEN.
void ss_address_text(const uint8_t address[16], char *out, size_t size);
/// Whom limits count @p address as: IPv4 itself; of IPv6 the first 64 bits, as everybody has the other 64 for free
/// (RFC 4291 §2.5.4).
void ss_address_network(const uint8_t address[16], uint8_t out[16]);
/// True if one of @p blocks holds @p address.
bool ss_address_in(const struct ss_address_blocks *blocks, const uint8_t address[16]);
/// Reads "HH:MM:SS" or "HH:MM:SS~N%". False if it is none.
bool ss_polling_parse(const char *text, struct ss_polling *out);

#endif
