// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// What the shipped codecs share: error text, memory, the table being written
// and the table being read. Everything is static, one codec is one translation
// unit, and nothing here trusts a length that came from a block or a table.
#pragma once

#include "../../sdk/c/iprt_abi.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;

// COLD keeps what is rarely run, or big, out of the loops that matter; HOT is part of them.
#define COLD static __attribute__((noinline, minsize))
#define HOT static inline __attribute__((always_inline))

// load64 may read up to seven bytes past a string: iprt_alloc leaves that much
// room behind every input, and records follow it anyway.
static inline u64 load64(const u8 *p) {
  u64 v;
  __builtin_memcpy(&v, p, 8);
  return v;
}

static inline void store64(u8 *p, u64 v) { __builtin_memcpy(p, &v, 8); }

// swapped turns the bytes of a word around. Wasm has no instruction for it.
COLD u64 swapped(u64 v) { return __builtin_bswap64(v); }

static struct {
  u32 status, len;
  u8 text[IPRT_ERROR_TEXT_MAX];
} iprt_err;

IPRT_EXPORT_ERROR u32 iprt_error(void) { return (u32)&iprt_err; }

IPRT_EXPORT_MARKER void iprt_abi_v1(void) {}

// ---- error text: say(…) … then return failed(status) ----

COLD void say(const char *s) {
  while (*s && iprt_err.len < sizeof iprt_err.text) iprt_err.text[iprt_err.len++] = (u8)*s++;
}

COLD void say_u64(u64 v) {
  char digits[21];
  u32 i = sizeof digits - 1;
  digits[i] = 0;
  do digits[--i] = (char)('0' + v % 10);
  while (v /= 10);
  say(digits + i);
}

// say_at starts a text with the place it is about.
COLD void say_at(const char *unit, u32 at) {
  iprt_err.len = 0;
  say(unit);
  say_u64(at);
  say(": ");
}

COLD u64 failed(u32 status) {
  iprt_err.status = status;
  return status;
}

COLD u64 fail(u32 status, const char *unit, u32 at, const char *what) {
  say_at(unit, at);
  say(what);
  return failed(status);
}

// ---- strings ----

HOT int is_ascii(const u8 *s, u32 n) {
  u64 seen = 0;
  for (; n >= 8; s += 8, n -= 8) seen |= load64(s);
  if (n) seen |= load64(s) << (64 - 8 * n); // drops the bytes past the end
  return !(seen & 0x8080808080808080ull);
}

COLD int is_utf8(const u8 *s, u32 n) {
  for (u32 i = 0; i < n;) {
    if (n - i >= 8 && is_ascii(s + i, 8)) {
      i += 8;
      continue;
    }
    u8 b = s[i++];
    if (b < 0x80) continue;
    // more: continuation bytes; lo, hi: what the first of them may be, which
    // rules out overlong forms, surrogates and code points past U+10FFFF.
    u32 more = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
    u8 lo = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
    u8 hi = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
    if (b < 0xc2 || b > 0xf4 || n - i < more) return 0;
    for (; more; more--, lo = 0x80, hi = 0xbf)
      if (s[i] < lo || s[i++] > hi) return 0;
  }
  return 1;
}

// compare orders n bytes as memcmp does.
HOT int compare(const u8 *a, const u8 *b, u32 n) {
  u64 x = 0, y = 0;
  for (; n >= 8 && x == y; a += 8, b += 8, n -= 8) x = load64(a), y = load64(b);
  if (n && x == y) x = load64(a) << (64 - 8 * n), y = load64(b) << (64 - 8 * n);
  if (x == y) return 0;
  int first = __builtin_ctzll(x ^ y) & ~7; // where the first bytes that differ are
  return (u8)(x >> first) < (u8)(y >> first) ? -1 : 1;
}

// is_cid tells whether n bytes are exactly one binary CID: version 0, or four minimal varints below 2^63 (1, codec, hash,
// length of the digest) and the digest.
COLD int is_cid(const u8 *p, u32 n) {
  // Nearly all of them: version 1, a codec below 128, 32 bytes of sha2-256.
  if (n == 36 && (load64(p) & 0xffff80ff) == 0x20120001) return 1;
  if (n >= 2 && p[0] == 0x12 && p[1] == 0x20) return n == 34;
  u64 v = 0;
  u32 at = 0;
  for (int field = 0; field < 4; field++) {
    u32 shift = 0;
    v = 0;
    for (;; shift += 7) {
      if (at == n || shift == 63) return 0;
      v |= (u64)(p[at] & 0x7f) << shift;
      if (p[at++] < 0x80) break;
    }
    if ((shift && !p[at - 1]) || (!field && v != 1)) return 0;
  }
  return v == n - at;
}
