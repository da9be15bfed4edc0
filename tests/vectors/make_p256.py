#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints p256.data: signatures at the edges of ECDSA on P-256, by textbook arithmetic that shares nothing with the code
under test. Points are (x, y), None is the point at infinity (FIPS 186-4, SEC 1 version 2)."""
import hashlib

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
TOP = 2**256 - 1


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    total = None
    while k:
        total = add(total, point) if k & 1 else total
        point = add(point, point)
        k >>= 1
    return total


def root(x):
    """A y of the curve for x, or None."""
    square = (x**3 - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return y if y * y % P == square else None


def verify(key, e, r, s):
    if not (0 < r < N and 0 < s < N):
        return False
    w = pow(s, -1, N)
    point = add(times(e * w % N, G), times(r * w % N, key))
    return point is not None and point[0] % N == r


def number(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") % N


def sign(d, e, k):
    r = times(k, G)[0] % N
    return r, pow(k, -1, N) * (e + r * d) % N


def case(title, key, e, r, s, expect=None):
    """`key` is a point, or 64 bytes as they are; `expect` is for what cannot be on the curve."""
    if expect is None:
        expect = "ok" if verify(key, e, r, s) else "invalid signature"
    print(f"\n[{title}]\nkey = {key[0]:064x}{key[1]:064x}\ndigest = {e:064x}\nsignature = {r:064x}{s:064x}")
    print(f"expect = {expect}")


def valid(title, d, e, k):
    r, s = sign(d, e, k)
    assert verify(times(d, G), e, r, s)
    case(title, times(d, G), e, r, s)


def rfc_6979():
    d = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    for message, k in (("sample", 0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60),
                       ("test", 0xD16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0)):
        valid(f"RFC 6979 A.2.5, SHA-256, {message}", d, number_of_hash(message), k)


def number_of_hash(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def ranges(d, key, e, r, s):
    for name, value in (("0", 0), ("1", 1), ("n - 1", N - 1), ("n", N), ("n + 1", N + 1), ("p", P), ("2^256 - 1", TOP)):
        case(f"r is {name}", key, e, value, s)
        case(f"s is {name}", key, e, r, value)
    case("r and s are 0", key, e, 0, 0)
    case("r and s are n", key, e, N, N)
    case("r is 0, s is n", key, e, 0, N)
    case("the digest is r, r and s are 1", key, 1, 1, 1)
    case("the other s of the same signature", key, e, r, N - s)
    case("-r", key, e, N - r, s)
    case("r and s changed places", key, e, s, r)
    if r + N <= TOP:
        case("r + n", key, e, r + N, s)
    case("another digest", key, e ^ 1, r, s)
    case("the key's negative", (key[0], P - key[1]), e, r, s)
    # s = 1 and s = n - 1 in signatures that hold: k = e + r·d has to be found the other way round.
    k = number("s is 1")
    r = times(k, G)[0] % N
    case("s is 1, and holds", key, (k - r * d) % N, r, 1)
    case("s is n + 1, and would hold modulo n", key, (k - r * d) % N, r, N + 1)
    case("s is n - 1, and holds", key, (-k - r * d) % N, r, N - 1)


def digests(d):
    k = number("digests")
    for name, e in (("0", 0), ("1", 1), ("n - 1", N - 1), ("n, which counts as 0", N), ("n + 1", N + 1), ("p", P),
                    ("2^256 - 1", TOP), ("2^255", 2**255)):
        valid(f"the digest is {name}", d, e, k)
    r, s = sign(d, 0, k)
    case("a signature of 0 for the digest n - 1", times(d, G), N - 1, r, s)


def keys(e):
    for name, d in (("G", 1), ("2 G", 2), ("3 G", 3), ("5 G", 5), ("-G", N - 1), ("-2 G", N - 2), ("2^255 G", 2**255),
                    ("(n + 1) / 2 G", (N + 1) // 2), ("a small one", 0x10001)):
        valid(f"the key is {name}", d, e, number("k" + name))
        for k in (1, 2, N - 1):
            valid(f"the key is {name}, the nonce {k if k < N - 1 else 'n - 1'}", d, e, k)
    # Nobody knows the private keys of these: u1 and u2 are chosen, and R, r, s and e follow.
    key = (0, root(0))
    case("the key's x is 0", key, e, number("r of x 0"), number("s"))
    point = add(times(5, G), times(7, key))
    r = point[0] % N
    s = r * pow(7, -1, N) % N
    case("the key's x is 0, and the signature holds", key, 5 * s % N, r, s)
    case("the key's x is 0, with the other y", (key[0], P - key[1]), 5 * s % N, r, s)
    x = P - 3
    while root(x) is None:
        x -= 1
    key = (x, root(x))
    point = add(times(11, G), times(13, key))
    r = point[0] % N
    s = r * pow(13, -1, N) % N
    case("the key's x is as high as it can be", key, 11 * s % N, r, s)


def equal_points(d, key):
    """u1 G and u2 Q are equal, opposite, or so on the way."""
    for name, factor in (("equal", 1), ("twice the other", 2), ("half of the other", pow(2, -1, N))):
        # e = r·d·factor makes u1 G = factor · u2 Q, so that R = k G wants k s = r·d·(factor + 1).
        k = number("k of " + name)
        r = times(k, G)[0] % N
        s = pow(k, -1, N) * r * d * (factor + 1) % N
        case(f"u1 G and u2 Q are {name}", key, r * d * factor % N, r, s)
    for r in (1, number("r")):
        case(f"u1 G and u2 Q are opposite: the sum is at infinity, r is {'1' if r == 1 else 'any'}", key, -r * d % N, r,
             number("s"))
    # Short numbers over keys that are near G: every addition of the ladder meets its own operand.
    for d in (1, 2, 3, N - 1, N - 2, N - 3):
        key = times(d, G)
        for u1, u2 in ((1, 1), (2, 1), (1, 2), (3, 1), (2, 3), (N - 1, 1), (1, N - 1), (N - 2, 1), (2**128, 2**128)):
            point = add(times(u1, G), times(u2, key))
            name = d if d < 9 else d - N
            u_names = [{N - 1: "-1", N - 2: "-2", 2**128: "2^128"}.get(u, str(u)) for u in (u1, u2)]
            title = f"{u_names[0]} G + {u_names[1]} Q, Q is {name} G"
            if point is None:
                case(title + ", is at infinity", key, u1, 1, 1)
                continue
            r = point[0] % N
            s = r * pow(u2, -1, N) % N
            case(title, key, u1 * s % N, r, s)


def wrapped_x(e):
    """The x of R is n or more, so that r is x - n: one in 2^128 signatures, found by choosing R first."""
    found = 0
    x = N
    while found < 3:
        x += 1
        y = root(x)
        if y is None:
            continue
        found += 1
        # Q = (s R - e G) / r
        r, s = x - N, number(f"s {x}")
        key = times(pow(r, -1, N), add(times(s, (x, y)), times(-e % N, G)))
        case(f"x of R is n + {r}", key, e, r, s)
        case(f"x of R is n + {r}, and r is not reduced", key, e, x, s)
    x = P - N - 1
    while root(x) is None:
        x -= 1
    r, s = x, number("below")
    key = times(pow(r, -1, N), add(times(s, (x, root(x))), times(-e % N, G)))
    case("r + n would be below p, x of R is r", key, e, r, s)
    # r + n is p or more: it must not be taken modulo p.
    x = 5
    while root(x) is None:
        x += 1
    r, s = x + P - N, number("above")
    key = times(pow(r, -1, N), add(times(s, (x, root(x))), times(-e % N, G)))
    case("x of R is r + n - p: no match", key, e, r, s)


def no_points(key, e, r, s):
    bad = "data invalid"
    case("the key is 0, 0", (0, 0), e, r, s, bad)
    case("the key's y is off by one", (key[0], key[1] ^ 1), e, r, s, bad)
    case("the key's x is off by one", (key[0] ^ 1, key[1]), e, r, s, bad)
    case("the key's x and y changed places", (key[1], key[0]), e, r, s, bad)
    case("the key is all ones", (TOP, TOP), e, r, s, bad)
    case("the key's x is p", (P, root(0)), e, r, s, bad)
    case("the key's y is p", (key[0], P), e, r, s, bad)
    x = 0
    while root(x) is None or x + P > TOP:
        x += 1
    case("the key's x is a point's plus p", (x + P, root(x)), e, r, s, bad)
    y = next(y for y in range(1, 2**16) if cube_root(y) is not None)
    case("the key's y is a point's plus p", (cube_root(y), y + P), e, r, s, bad)
    case("the same point, as it should be", (cube_root(y), y), e, r, s)
    # On y^2 = x^3 - 3x + b' with another b', where the group may be small.
    case("a point of another curve", (5, next(y for y in range(2, 99) if y * y != (125 - 15 + B) % P)), e, r, s, bad)
    case("no point, and a signature out of range", (0, 0), e, 0, 0, bad)


def cube_root(y):
    """An x of the curve for y: a root of x^3 - 3x + b - y^2, by gcd with x^P - x; None if there is none."""
    c = (B - y * y) % P

    def multiply(a, b):
        out = [0] * 5
        for i, u in enumerate(a):
            for j, v in enumerate(b):
                out[i + j] += u * v
        for i in (4, 3):  # x^3 = 3x - c
            out[i - 2] += 3 * out[i]
            out[i - 3] -= c * out[i]
        return [v % P for v in out[:3]]

    def power(base, exponent):
        result = [1, 0, 0]
        for bit in bin(exponent)[2:]:
            result = multiply(result, result)
            result = multiply(result, base) if bit == "1" else result
        return result

    difference = power([0, 1, 0], P)
    difference[1] = (difference[1] - 1) % P
    a, b = [c, P - 3, 0, 1], difference
    while True:
        while b and b[-1] == 0:
            b.pop()
        if not b:
            break
        while len(a) >= len(b):
            factor = a[-1] * pow(b[-1], -1, P) % P
            for i, v in enumerate(b):
                a[len(a) - len(b) + i] = (a[len(a) - len(b) + i] - factor * v) % P
            a.pop()
        a, b = b, a
    return -a[0] * pow(a[1], -1, P) % P if len(a) == 2 else None


def main():
    print("# ECDSA verification on P-256. Made by make_p256.py; `digest` is the 32 bytes that are signed.")
    d, e, k = number("private key"), number("message"), number("nonce")
    key = times(d, G)
    r, s = sign(d, e, k)
    rfc_6979()
    ranges(d, key, e, r, s)
    digests(d)
    keys(e)
    equal_points(d, key)
    wrapped_x(e)
    no_points(key, e, r, s)


main()
