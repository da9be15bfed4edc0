// SPDX-License-Identifier: Apache-2.0
// X.509 certificates for tests, made on the spot.
#ifndef SS_TESTS_CERTIFICATES_H
#define SS_TESTS_CERTIFICATES_H

/// Writes @p folder/@p ca.pem, a new CA, and for each of @p names (ended by NULL) @p folder/NAME.pem and NAME.key (mode
/// 0600), signed by it, for the name NAME, "localhost" and 127.0.0.1.
void certificates_make(const char *folder, const char *ca, const char *const *names);

#endif
