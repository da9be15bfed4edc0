// SPDX-License-Identifier: Apache-2.0
// ECDSA verification on P-256 (FIPS 186-4 §6.4 and D.1.2.3; SEC 1 §4.1.4), small rather than fast. **For public data
// only**: its time depends on the numbers.
//
// Numbers are sixteen digits of 16 bits, so that the product of two digits and two carries fit 32 bits: no core needs a
// wide multiplication. All arithmetic is Montgomery's, with R = 2^256. Points are projective, and one formula adds any
// two of them, equal, opposite or at infinity: there are no special cases that could be wrong.
#include "core/crypto.h"

#define DIGITS 16u

/// Digits, lowest first.
struct number {
    uint16_t digits[DIGITS];
};

/// A prime, and what Montgomery's multiplication needs to know of it.
struct modulus {
    struct number m;
    uint16_t inverse; ///< -1/m modulo 2^16
};

static const struct modulus field = {
    {{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0, 0, 0, 0, 0, 0, 1, 0, 0xFFFF, 0xFFFF}}, 1};
static const struct modulus order = {{{0x2551, 0xFC63, 0xCAC2, 0xF3B9, 0x9E84, 0xA717, 0xFAAD, 0xBCE6, 0xFFFF, 0xFFFF,
                                       0xFFFF, 0xFFFF, 0, 0, 0xFFFF, 0xFFFF}},
                                     0xBC4F};

static const struct number curve_b = {{0x604B, 0x27D2, 0x3C3E, 0x3BCE, 0xB0F6, 0xCC53, 0x06B0, 0x651D, 0x86BC, 0x7698,
                                       0xBD55, 0xB3EB, 0x93E7, 0xAA3A, 0x35D8, 0x5AC6}};
static const struct number generator[2] = {
    {{0xC296, 0xD898, 0x3945, 0xF4A1, 0x33A0, 0x2DEB, 0x7D81, 0x7703, 0x40F2, 0x63A4, 0xE6E5, 0xF8BC, 0x4247, 0xE12C,
      0xD1F2, 0x6B17}},
    {{0x51F5, 0x37BF, 0x4068, 0xCBB6, 0x5ECE, 0x6B31, 0x3357, 0x2BCE, 0x9E16, 0x7C0F, 0xEB4A, 0x8EE7, 0x7F9B, 0xFE1A,
      0x42E2, 0x4FE3}},
};
static const struct number zero, one = {{1}};

static void from_bytes(struct number *out, const uint8_t in[32])
{
    for (unsigned i = 0; i < DIGITS; i++)
        out->digits[i] = (uint16_t)(in[30 - 2 * i] << 8 | in[31 - 2 * i]);
}

/// out = a + b; returns the carry. Any of them may be the same, here and below.
static uint32_t add(struct number *out, const struct number *a, const struct number *b)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        sum += (uint32_t)a->digits[i] + b->digits[i];
        out->digits[i] = (uint16_t)sum;
        sum >>= 16;
    }
    return sum;
}

/// out = a - b; returns the borrow, 1 if a < b.
static uint32_t subtract(struct number *out, const struct number *a, const struct number *b)
{
    uint32_t borrow = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        uint32_t difference = (uint32_t)a->digits[i] - b->digits[i] - borrow;
        out->digits[i] = (uint16_t)difference;
        borrow = difference >> 31;
    }
    return borrow;
}

static bool less(const struct number *a, const struct number *b)
{
    struct number difference;
    return subtract(&difference, a, b) != 0;
}

static bool equal(const struct number *a, const struct number *b)
{
    uint32_t different = 0;
    for (unsigned i = 0; i < DIGITS; i++)
        different |= a->digits[i] ^ b->digits[i];
    return different == 0;
}

/// @p v + carry · 2^256, which is below 2m, modulo m.
static void reduce_once(struct number *v, uint32_t carry, const struct modulus *m)
{
    if (carry || !less(v, &m->m))
        subtract(v, v, &m->m);
}

static void add_mod(struct number *out, const struct number *a, const struct number *b, const struct modulus *m)
{
    reduce_once(out, add(out, a, b), m);
}

static void subtract_mod(struct number *out, const struct number *a, const struct number *b, const struct modulus *m)
{
    if (subtract(out, a, b))
        add(out, out, &m->m);
}

/// out = a · b / 2^256 modulo m, for b < m and any a.
static void multiply(struct number *out, const struct number *a, const struct number *b, const struct modulus *m)
{
    struct number t = zero;
    uint32_t top = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        uint32_t digit = a->digits[i];
        uint32_t product = digit * b->digits[0] + t.digits[0];
        // As many m are added as make the lowest digit zero, which is then dropped.
        uint32_t q = (product * m->inverse) & 0xFFFF;
        uint32_t sum = q * m->m.digits[0] + (product & 0xFFFF);
        for (unsigned j = 1; j < DIGITS; j++) {
            product = digit * b->digits[j] + t.digits[j] + (product >> 16);
            sum = q * m->m.digits[j] + (product & 0xFFFF) + (sum >> 16);
            t.digits[j - 1] = (uint16_t)sum;
        }
        top += (product >> 16) + (sum >> 16);
        t.digits[DIGITS - 1] = (uint16_t)top;
        top >>= 16;
    }
    reduce_once(&t, top, m);
    *out = t;
}

/// 2^512 modulo m: multiplying by it makes numbers Montgomery's.
static void montgomery_unit(struct number *out, const struct modulus *m)
{
    *out = one;
    for (unsigned i = 0; i < 512; i++)
        add_mod(out, out, out, m);
}

static bool bit(const struct number *v, unsigned i)
{
    return v->digits[i / 16] >> i % 16 & 1;
}

/// 1 / v modulo the order of the curve, by Fermat: v^(n - 2). Both Montgomery's. v is not zero.
static void invert(struct number *out, const struct number *v)
{
    static const struct number two = {{2}};
    struct number exponent, power = *v;
    subtract(&exponent, &order.m, &two);
    for (unsigned i = 255; i-- > 0;) {
        multiply(&power, &power, &power, &order);
        if (bit(&exponent, i))
            multiply(&power, &power, v, &order);
    }
    *out = power;
}

// -- Points ------------------------------------------------------------------------------------------------------------

// Registers of the addition below.
enum { X1, Y1, Z1, X2, Y2, Z2, X3, Y3, Z3, T0, T1, T2, T3, T4, B, REGISTERS };

/// A sum of points, X1 : Y1 : Z1, under way.
struct walk {
    struct number r[REGISTERS]; ///< of the field, Montgomery's
};

// Complete addition on curves with a = -3: J. Renes, C. Costello, L. Batina, "Complete addition formulas for prime order
// elliptic curves", EUROCRYPT 2016, algorithm 4, step by step.
static const struct {
    char operation;
    uint8_t to, a, b;
} addition[] = {
    {'*', T0, X1, X2}, {'*', T1, Y1, Y2}, {'*', T2, Z1, Z2}, {'+', T3, X1, Y1}, {'+', T4, X2, Y2}, {'*', T3, T3, T4},
    {'+', T4, T0, T1}, {'-', T3, T3, T4}, {'+', T4, Y1, Z1}, {'+', X3, Y2, Z2}, {'*', T4, T4, X3}, {'+', X3, T1, T2},
    {'-', T4, T4, X3}, {'+', X3, X1, Z1}, {'+', Y3, X2, Z2}, {'*', X3, X3, Y3}, {'+', Y3, T0, T2}, {'-', Y3, X3, Y3},
    {'*', Z3, B, T2},  {'-', X3, Y3, Z3}, {'+', Z3, X3, X3}, {'+', X3, X3, Z3}, {'-', Z3, T1, X3}, {'+', X3, T1, X3},
    {'*', Y3, B, Y3},  {'+', T1, T2, T2}, {'+', T2, T1, T2}, {'-', Y3, Y3, T2}, {'-', Y3, Y3, T0}, {'+', T1, Y3, Y3},
    {'+', Y3, T1, Y3}, {'+', T1, T0, T0}, {'+', T0, T1, T0}, {'-', T0, T0, T2}, {'*', T1, T4, Y3}, {'*', T2, T0, Y3},
    {'*', Y3, X3, Z3}, {'+', Y3, Y3, T2}, {'*', X3, T3, X3}, {'-', X3, X3, T1}, {'*', Z3, T4, Z3}, {'*', T1, T3, T0},
    {'+', Z3, Z3, T1},
};

/// Adds the point x : y : z to the sum.
static void add_point(struct walk *w, const struct number *x, const struct number *y, const struct number *z)
{
    w->r[X2] = *x;
    w->r[Y2] = *y;
    w->r[Z2] = *z;
    for (unsigned i = 0; i < sizeof addition / sizeof addition[0]; i++) {
        struct number *to = &w->r[addition[i].to];
        const struct number *a = &w->r[addition[i].a], *b = &w->r[addition[i].b];
        if (addition[i].operation == '*')
            multiply(to, a, b, &field);
        else if (addition[i].operation == '+')
            add_mod(to, a, b, &field);
        else
            subtract_mod(to, a, b, &field);
    }
    w->r[X1] = w->r[X3];
    w->r[Y1] = w->r[Y3];
    w->r[Z1] = w->r[Z3];
}

/// A point with Z = 1, Montgomery's.
struct point {
    struct number x, y;
};

/// y^2 = x^3 - 3x + b, for coordinates below the prime. The point at infinity has none.
static bool on_curve(const struct point *p, const struct number *b)
{
    struct number left, right;
    multiply(&left, &p->y, &p->y, &field);
    multiply(&right, &p->x, &p->x, &field);
    multiply(&right, &right, &p->x, &field);
    for (unsigned i = 0; i < 3; i++)
        subtract_mod(&right, &right, &p->x, &field);
    add_mod(&right, &right, b, &field);
    return equal(&left, &right);
}

/// Whether the X of u1 · G + u2 · Q is r, modulo the order.
static bool sum_has_x(struct walk *w, const struct point *q, const struct number *unit, const struct number *u1,
                      const struct number *u2, struct number *r)
{
    struct number z;
    struct point g;
    multiply(&g.x, &generator[0], unit, &field);
    multiply(&g.y, &generator[1], unit, &field);
    multiply(&z, &one, unit, &field);
    w->r[X1] = w->r[Z1] = zero;
    w->r[Y1] = z;
    for (unsigned i = 256; i-- > 0;) {
        add_point(w, &w->r[X1], &w->r[Y1], &w->r[Z1]);
        if (bit(u1, i))
            add_point(w, &g.x, &g.y, &z);
        if (bit(u2, i))
            add_point(w, &q->x, &q->y, &z);
    }
    if (equal(&w->r[Z1], &zero))
        return false;
    // X / Z is r, or r + n where that is below the prime; without a division.
    do {
        multiply(&z, r, unit, &field);
        multiply(&z, &z, &w->r[Z1], &field);
        if (equal(&z, &w->r[X1]))
            return true;
    } while (!add(r, r, &order.m) && less(r, &field.m));
    return false;
}

ss_status_t ss_p256_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t signature[64])
{
    struct walk w;
    struct point q;
    struct number unit, r, s, u1, u2;
    from_bytes(&q.x, public_key);
    from_bytes(&q.y, public_key + 32);
    if (!less(&q.x, &field.m) || !less(&q.y, &field.m))
        return SS_ERROR_DATA_INVALID;
    montgomery_unit(&unit, &field);
    multiply(&q.x, &q.x, &unit, &field);
    multiply(&q.y, &q.y, &unit, &field);
    multiply(&w.r[B], &curve_b, &unit, &field);
    if (!on_curve(&q, &w.r[B]))
        return SS_ERROR_DATA_INVALID;

    from_bytes(&r, signature);
    from_bytes(&s, signature + 32);
    if (equal(&r, &zero) || !less(&r, &order.m) || equal(&s, &zero) || !less(&s, &order.m))
        return SS_ERROR_INVALID_SIGNATURE;
    // 1 / s is Montgomery's, digest and r are not: neither are the products.
    montgomery_unit(&u1, &order);
    multiply(&s, &s, &u1, &order);
    invert(&s, &s);
    from_bytes(&u1, digest);
    multiply(&u1, &u1, &s, &order);
    multiply(&u2, &r, &s, &order);
    return sum_has_x(&w, &q, &unit, &u1, &u2, &r) ? SS_OK : SS_ERROR_INVALID_SIGNATURE;
}
