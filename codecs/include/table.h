// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Writing a token table at the end of memory, behind the inputs, without a
// copy. A codec asks for room where its format says how much is to come, and
// then writes records without a test.
#pragma once

#include "codec.h"

// reserve makes memory up to end usable. It grows by half at least, as hosts copy on growth, and falls back to what is
// needed.
COLD bool reserve(u64 end) {
  u64 have = (u64)__builtin_wasm_memory_size(0) << 16;
  return end <= have || iprt_ensure(have + have / 2 > end ? have + have / 2 : end) || iprt_ensure(end);
}

// take returns size bytes and, for load64, some more.
COLD u8 *take(u64 size) {
  u64 end = iprt_top + size + 16;
  return reserve(end) ? iprt_bump((u32)size + 16) : NULL;
}

// ---- writing: begin, put…, finish ----

static iprt_record *records; // the first record of the table being written

// begin places a table behind the inputs.
static iprt_record *begin(void) { return records = (iprt_record *)(iprt_top + IPRT_TABLE_HEADER_SIZE); }

// room_for makes room for count records. It returns the first place there is no room for, or 0.
static iprt_record *room_for(u32 count) {
  if (!reserve((u64)(u32)records + (u64)count * sizeof *records)) return NULL;
  return records + ((__builtin_wasm_memory_size(0) << 16) - (u32)records) / sizeof *records;
}

// put writes one record. Callers keep the place in a local variable: it is the hottest thing in a codec.
static inline void put(iprt_record *r, u32 kind, u32 flags, u32 n, u64 v) {
  store64((u8 *)r, kind | flags << 8 | (u64)n << 32);
  store64((u8 *)r + 8, v);
}

static inline u32 index_of(const iprt_record *r) { return (u32)(r - records); }

// finish writes the header. The heap, if any, follows the records.
COLD u64 finish(u32 count, u32 heap_len) {
  iprt_table_header *h = (iprt_table_header *)records - 1;
  u32 end = IPRT_TABLE_HEADER_SIZE + count * IPRT_RECORD_SIZE;
  *h = (iprt_table_header){IPRT_TABLE_MAGIC, 0, count, IPRT_TABLE_HEADER_SIZE, end, heap_len, {0, 0}};
  return (u64)iprt_result(h, end + heap_len);
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
