// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Memory and the token table (spec/TABLE.md), written and read.
//
// Memory is a stack of three things above the static data: the inputs that the
// host asked room for, what a call builds behind them, nothing else. The first
// iprt_alloc after a call takes it all back.
#pragma once

#include "codec.h"

extern u8 __heap_base;

static u8 *top;       // first free byte
static int call_over; // the next iprt_alloc starts afresh

// reserve makes memory up to end usable. It grows by half at least, as hosts
// copy on growth, and falls back to what is needed.
COLD int reserve(u64 end) {
  u64 have = (u64)__builtin_wasm_memory_size(0) << 16;
  if (end <= have) return 1;
  u64 need = (end - have + 0xffff) >> 16, half = have >> 17;
  if (need >= 1u << 16) return 0;
  if (half > need && __builtin_wasm_memory_grow(0, (u32)half) != -1ul) return 1;
  return __builtin_wasm_memory_grow(0, (u32)need) != -1ul;
}

// take returns size bytes, 16-aligned, with 16 readable bytes behind them (see
// load64), or 0.
COLD u8 *take(u64 size) {
  u64 start = ((u64)(u32)top + 15) & ~15ull;
  if (!reserve(start + size + 16)) return 0;
  top = (u8 *)(u32)(start + size + 16);
  return (u8 *)(u32)start;
}

IPRT_EXPORT_ALLOC u32 iprt_alloc(u32 size) {
  if (call_over || !top) top = &__heap_base;
  call_over = 0;
  return (u32)take(size);
}

COLD u64 out_of_memory(void) {
  iprt_err.len = 0;
  say("out of memory");
  return failed(IPRT_LIMIT);
}

static u64 packed(const u8 *ptr, u64 len) { return (u64)(u32)ptr << 32 | len; }

// ---- writing: begin, put…, finish ----

struct record {
  u8 kind, flags;
  u16 zero;
  u32 n;
  u64 v;
};

static struct record *records; // the first record of the table being written

// begin places a table behind the inputs.
static struct record *begin(void) {
  u8 *start = (u8 *)(((u32)top + 15) & ~15u);
  return records = (struct record *)(start + IPRT_TABLE_HEADER_SIZE);
}

static int room_for(u32 count) { return reserve((u64)(u32)records + (u64)count * sizeof *records); }

// put writes one record. Callers keep the place in a local variable: it is the hottest thing in a codec.
static inline void put(struct record *r, u32 kind, u32 flags, u32 n, u64 v) {
  store64((u8 *)r, kind | flags << 8 | (u64)n << 32);
  store64((u8 *)r + 8, v);
}

static inline u32 index_of(const struct record *r) { return (u32)(r - records); }

// finish writes the header. The heap, if any, follows the records.
COLD u64 finish(u32 count, u32 heap_len) {
  u32 *h = (u32 *)((u8 *)records - IPRT_TABLE_HEADER_SIZE), size = count * sizeof *records;
  h[0] = IPRT_TABLE_MAGIC;
  h[1] = 0;
  h[2] = count;
  h[3] = IPRT_TABLE_HEADER_SIZE;
  h[4] = IPRT_TABLE_HEADER_SIZE + size;
  h[5] = heap_len;
  h[6] = h[7] = 0;
  return packed((u8 *)h, IPRT_TABLE_HEADER_SIZE + (u64)size + heap_len);
}

// finish_links keeps the links among count records, in their order, as the items of a list. Record 0 was left free for
// the list by the decoder.
COLD u64 finish_links(u32 count) {
  u32 kept = 1;
  for (u32 i = 1; i < count; i++)
    if (records[i].kind == IPRT_KIND_LINK) records[kept++] = records[i];
  put(records, IPRT_KIND_LIST, 0, kept - 1, kept);
  return finish(kept, 0);
}
