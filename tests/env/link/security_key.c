/* A security key that is a program: OpenSSH's middleware for FIDO keys (PROTOCOL.u2f, sk-api.h, version 10) with
 * Ed25519 of libcrypto. The "handle" is the private half. It is touched when the file TOUCHED is there. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_ctx_st EVP_MD_CTX;
EVP_PKEY *EVP_PKEY_new_raw_private_key(int, void *, const unsigned char *, size_t);
int EVP_PKEY_get_raw_public_key(const EVP_PKEY *, unsigned char *, size_t *);
EVP_MD_CTX *EVP_MD_CTX_new(void);
int EVP_DigestSignInit(EVP_MD_CTX *, void *, const void *, void *, EVP_PKEY *);
int EVP_DigestSign(EVP_MD_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
unsigned char *SHA256(const unsigned char *, size_t, unsigned char *);
int RAND_bytes(unsigned char *, int);

enum { ED25519_OF_LIBCRYPTO = 1087, ED25519_OF_OPENSSH = 1, UNSUPPORTED = -2 };

struct enrolled {
    uint8_t flags;
    uint8_t *public_key; size_t public_key_len;
    uint8_t *key_handle; size_t key_handle_len;
    uint8_t *signature; size_t signature_len;
    uint8_t *attestation_cert; size_t attestation_cert_len;
    uint8_t *authdata; size_t authdata_len;
};

struct signature {
    uint8_t flags;
    uint32_t counter;
    uint8_t *sig_r; size_t sig_r_len;
    uint8_t *sig_s; size_t sig_s_len;
};

uint32_t sk_api_version(void) { return 0x000a0000; }

static EVP_PKEY *key_of(const uint8_t *handle) {
    return EVP_PKEY_new_raw_private_key(ED25519_OF_LIBCRYPTO, NULL, handle, 32);
}

int sk_enroll(uint32_t algorithm, const uint8_t *challenge, size_t challenge_len, const char *application,
              uint8_t flags, const char *pin, void **options, struct enrolled **found) {
    (void)challenge, (void)challenge_len, (void)application, (void)pin, (void)options;
    if (algorithm != ED25519_OF_OPENSSH) return UNSUPPORTED;
    struct enrolled *made = calloc(1, sizeof *made);
    made->flags = flags;
    made->key_handle = malloc(made->key_handle_len = 32);
    made->public_key = malloc(made->public_key_len = 32);
    made->signature = calloc(1, made->signature_len = 1);
    RAND_bytes(made->key_handle, 32);
    EVP_PKEY_get_raw_public_key(key_of(made->key_handle), made->public_key, &made->public_key_len);
    *found = made;
    return 0;
}

int sk_sign(uint32_t algorithm, const uint8_t *data, size_t length, const char *application, const uint8_t *handle,
            size_t handle_len, uint8_t flags, const char *pin, void **options, struct signature **found) {
    (void)pin, (void)options;
    if (algorithm != ED25519_OF_OPENSSH || handle_len != 32) return UNSUPPORTED;
    while (access(TOUCHED, F_OK)) usleep(20000);
    uint8_t message[32 + 1 + 4 + 32] = {0};
    SHA256((const uint8_t *)application, strlen(application), message);
    message[32] = flags;
    message[36] = 7;
    SHA256(data, length, message + 37);
    struct signature *made = calloc(1, sizeof *made);
    made->flags = flags;
    made->counter = 7;
    made->sig_r = malloc(made->sig_r_len = 64);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, NULL, NULL, NULL, key_of(handle));
    EVP_DigestSign(context, made->sig_r, &made->sig_r_len, message, sizeof message);
    *found = made;
    return 0;
}

int sk_load_resident_keys(const char *pin, void **options, void ***keys, size_t *count) {
    (void)pin, (void)options, (void)keys, (void)count;
    return UNSUPPORTED;
}
