//===- Limits.cpp - what the machine can do at most ------------------------------------------===//
#include "bench/Limits.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace chordal::bench {

uint64_t readAll(const void* memory, size_t bytes) {
  // Vectors of the compiler: four of 64 bytes at a time, in whatever registers there are.
  using Vector = uint64_t __attribute__((vector_size(64)));
  const Vector* p = static_cast<const Vector*>(memory);
  Vector a = {}, b = {}, c = {}, d = {};
  for (size_t i = 0; i < bytes / 64; i += 4) {
    a |= p[i];
    b |= p[i + 1];
    c |= p[i + 2];
    d |= p[i + 3];
  }
  a |= b | c | d;
  return a[0] | a[1] | a[2] | a[3] | a[4] | a[5] | a[6] | a[7];
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) int64_t byteDots() {
  constexpr int sums = 12, rounds = 1000;
  __m512i sum[sums];
  for (int i = 0; i < sums; ++i)
    sum[i] = _mm512_set1_epi32(i);
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  for (int r = 0; r < rounds; ++r) {
#pragma unroll
    for (int i = 0; i < sums; ++i) {
      sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
      __asm__ volatile("" : "+v"(sum[i]));
    }
  }
  return int64_t(rounds) * sums * 64 * 2;
}
#else
int64_t byteDots() {
  return 0;
}
#endif

} // namespace chordal::bench
