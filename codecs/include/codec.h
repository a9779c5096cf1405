// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// What the shipped codecs add to the C SDK: loops over eight bytes at a time,
// and error text in pieces. Everything is static: one codec is one translation
// unit. Nothing here trusts a length that came from a block or a table.
#pragma once

// The SDK is off the hot paths here: small instead of fast.
#pragma clang attribute push(__attribute__((noinline, minsize)), apply_to = function)
#include "../../sdk/c/iprt.h"
#pragma clang attribute pop

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t i32;
typedef uint64_t u64;

// LOOP is a loop that matters, HOT is part of one, COLD keeps what is rarely run, or big, out of them.
#define LOOP static __attribute__((noinline))
#define COLD IPRT_UNUSED static __attribute__((noinline, minsize))
#define HOT IPRT_UNUSED static inline __attribute__((always_inline))

// load64 may read up to seven bytes past a string; there is always a table behind the inputs.
HOT u64 load64(const u8 *p) {
  u64 v;
  __builtin_memcpy(&v, p, 8);
  return v;
}

HOT void store64(u8 *p, u64 v) { __builtin_memcpy(p, &v, 8); }

// swapped turns the bytes of a word around. Wasm has no instruction for it.
COLD u64 swapped(u64 v) { return __builtin_bswap64(v); }

// ---- error text: say_at, iprt_error_text… and then failed ----

// say_at starts a text with the place it is about.
COLD void say_at(const char *unit, u32 at) {
  iprt_error_record.len = 0;
  iprt_error_text(unit);
  iprt_error_number(at);
  iprt_error_text(": ");
}

COLD u32 failed(u32 status) {
  iprt_error_record.status = status;
  return status;
}

COLD u32 fail(u32 status, const char *unit, u32 at, const char *what) {
  say_at(unit, at);
  iprt_error_text(what);
  return failed(status);
}

COLD u32 out_of_memory(void) { return (u32)iprt_fail(IPRT_LIMIT, "out of memory"); }

// begin_call is the start of every role call of a codec without parameters.
COLD u32 begin_call(u32 params) {
  iprt_begin();
  return params ? (u32)iprt_fail(IPRT_INVALID, "the codec takes no parameters") : failed(IPRT_OK);
}

// ---- strings and links ----

HOT bool is_ascii(const u8 *s, u32 n) {
  u64 seen = 0;
  for (; n >= 8; s += 8, n -= 8) seen |= load64(s);
  if (n) seen |= load64(s) << (64 - 8 * n); // drops the bytes past the end
  return !(seen & 0x8080808080808080ull);
}

COLD bool is_utf8(const u8 *s, u32 n) { return iprt_utf8(s, n); }

// compare orders n bytes as memcmp does.
HOT int compare(const u8 *a, const u8 *b, u32 n) {
  u64 x = 0, y = 0;
  for (; n >= 8 && x == y; a += 8, b += 8, n -= 8) x = load64(a), y = load64(b);
  if (n && x == y) x = load64(a) << (64 - 8 * n), y = load64(b) << (64 - 8 * n);
  if (x == y) return 0;
  int first = __builtin_ctzll(x ^ y) & ~7; // where the first bytes that differ are
  return (u8)(x >> first) < (u8)(y >> first) ? -1 : 1;
}

COLD bool is_cid(const u8 *p, u32 n) {
  // Nearly all of them: version 1, a codec below 128, 32 bytes of sha2-256.
  return (n == 36 && (load64(p) & 0xffff80ff) == 0x20120001) || iprt_cid(p, n);
}
