// SPDX-License-Identifier: Apache-2.0
// A PKCS#11 module that passes everything on to another one, named by SS_FAULT_MODULE, but for what SS_FAULT says:
// faults of hardware that no software token shows. The environment is read at each call, so a test can pull a token out
// between two of them. A list of NAME=NUMBER with blanks between:
//
//   flags=N      these flags are added to those of every token
//   login=RV     C_Login fails; SS_FAULT_LOGINS counts its calls
//   keypad=1     C_Login takes no PIN, like a reader with a keypad; the person at it types SS_FAULT_PIN
//   session=RV   C_OpenSession fails
//   find=RV      C_FindObjects fails
//   sign=RV, encrypt=RV, decrypt=RV    those fail
//   short=1      signatures and ciphertexts lose their last byte
//   nonce=1      C_EncryptInit puts a nonce of its own into the parameters
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST real, ours;

static unsigned long fault(const char *name)
{
    char wanted[32];
    const char *list = getenv("SS_FAULT");
    snprintf(wanted, sizeof wanted, "%s=", name);
    const char *at = list ? strstr(list, wanted) : NULL;
    return at ? strtoul(at + strlen(wanted), NULL, 0) : 0;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = real.C_GetTokenInfo(slot, info);
    info->flags |= fault("flags");
    return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG len)
{
    const char *logins = getenv("SS_FAULT_LOGINS"), *typed = getenv("SS_FAULT_PIN");
    char count[16];
    snprintf(count, sizeof count, "%d", 1 + (logins ? atoi(logins) : 0));
    setenv("SS_FAULT_LOGINS", count, 1);
    if (fault("login"))
        return fault("login");
    if (!fault("keypad"))
        return real.C_Login(session, user, pin, len);
    return pin || len || !typed ? CKR_ARGUMENTS_BAD
                                : real.C_Login(session, user, (unsigned char *)(uintptr_t)typed, strlen(typed));
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *session)
{
    return fault("session") ? fault("session") : real.C_OpenSession(slot, flags, application, notify, session);
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count)
{
    return fault("find") ? fault("find") : real.C_FindObjects(session, objects, max, count);
}

static CK_RV encrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_GCM_PARAMS *gcm = mechanism->pParameter;
    if (fault("nonce"))
        memset(gcm->iv_ptr, 0xA5, gcm->iv_len);
    return real.C_EncryptInit(session, mechanism, key);
}

static CK_RV cut(CK_RV rv, CK_ULONG *len)
{
    if (rv == CKR_OK && fault("short"))
        --*len;
    return rv;
}

static CK_RV encrypt(CK_SESSION_HANDLE session, unsigned char *in, CK_ULONG in_len, unsigned char *out, CK_ULONG *len)
{
    return fault("encrypt") ? fault("encrypt") : cut(real.C_Encrypt(session, in, in_len, out, len), len);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, unsigned char *in, CK_ULONG in_len, unsigned char *out, CK_ULONG *len)
{
    return fault("decrypt") ? fault("decrypt") : cut(real.C_Decrypt(session, in, in_len, out, len), len);
}

static CK_RV sign(CK_SESSION_HANDLE session, unsigned char *in, CK_ULONG in_len, unsigned char *out, CK_ULONG *len)
{
    return fault("sign") ? fault("sign") : cut(real.C_Sign(session, in, in_len, out, len), len);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    const char *path = getenv("SS_FAULT_MODULE");
    void *module = path ? dlopen(path, RTLD_NOW) : NULL;
    CK_C_GetFunctionList get = module ? (CK_C_GetFunctionList)(uintptr_t)dlsym(module, "C_GetFunctionList") : NULL;
    CK_FUNCTION_LIST *theirs;
    if (!get || get(&theirs) != CKR_OK)
        return CKR_GENERAL_ERROR;
    real = ours = *theirs;
    ours.C_GetFunctionList = C_GetFunctionList;
    ours.C_GetTokenInfo = get_token_info;
    ours.C_Login = login;
    ours.C_OpenSession = open_session;
    ours.C_FindObjects = find_objects;
    ours.C_EncryptInit = encrypt_init;
    ours.C_Encrypt = encrypt;
    ours.C_Decrypt = decrypt;
    ours.C_Sign = sign;
    *list = &ours;
    return CKR_OK;
}
