//===- Limits.cpp - what the machine can do at most -------------------------------------------===//
//
// Each loop of multiplications has as many sums as it takes to hide an instruction's latency
// (twelve vectors; four tiles), and an empty piece of assembly on each of them keeps the compiler
// from merging rounds. Where the threads of a measurement begin and end together is `together`.
//
//===------------------------------------------------------------------------------------------===//
#include "bench/Limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace chordal::bench {
namespace {

using kernels::Isa;

/// Runs `body(i)` on `threads` threads and returns the seconds from when all were ready to the end
/// of the last.
double together(unsigned threads, const std::function<void(unsigned)>& body) {
  using Clock = std::chrono::steady_clock;
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i)
    others.emplace_back([&, i] {
      ready.fetch_add(1);
      while (!go.load(std::memory_order_acquire))
        std::this_thread::yield();
      body(i);
    });
  while (ready.load() + 1 < threads)
    std::this_thread::yield();
  Clock::time_point begin = Clock::now();
  go.store(true, std::memory_order_release);
  body(0);
  for (std::thread& other : others)
    other.join();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

//===--- reading ------------------------------------------------------------------------------===//

/// Vectors of the compiler, in whatever registers there are.
using Vector = uint64_t __attribute__((vector_size(64)));
constexpr size_t round = 4 * sizeof(Vector); // of one stream

/// How far ahead memory is fetched: as far as a core's own prefetching goes.
constexpr size_t prefetchDistance = 1024;

template <unsigned streams, bool prefetch> uint64_t readStreams(const std::byte* memory, size_t n) {
  const size_t part = n / streams / round * round;
  Vector a = {}, b = {}, c = {}, d = {};
  for (size_t i = 0; i < part; i += round)
#pragma unroll
    for (unsigned s = 0; s < streams; ++s) {
      const std::byte* at = memory + s * part + i;
      if (prefetch)
#pragma unroll
        for (size_t line = 0; line < round; line += 64)
          __builtin_prefetch(at + prefetchDistance + line);
      const auto* p = reinterpret_cast<const Vector*>(at);
      a |= p[0];
      b |= p[1];
      c |= p[2];
      d |= p[3];
    }
  a |= b | c | d;
  return a[0] | a[1] | a[2] | a[3] | a[4] | a[5] | a[6] | a[7];
}

//===--- multiplying --------------------------------------------------------------------------===//

constexpr int rounds = 2000;
constexpr int sums = 12;

/// A loop of `rounds` times `sums` multiply-adds; `operations` in each.
#define CHORDAL_LOOP(operations, sumType, zero, fma)                                               \
  {                                                                                                \
    sumType sum[sums];                                                                             \
    for (int i = 0; i < sums; ++i)                                                                 \
      sum[i] = zero;                                                                               \
    for (int r = 0; r < rounds; ++r) {                                                             \
      _Pragma("unroll") for (int i = 0; i < sums; ++i) {                                           \
        sum[i] = fma;                                                                              \
        __asm__ volatile("" : CHORDAL_VECTOR_OPERAND(sum[i]));                                     \
      }                                                                                            \
    }                                                                                              \
    return uint64_t(rounds) * sums * (operations);                                                 \
  }

#if defined(__x86_64__)
#define CHORDAL_VECTOR_OPERAND(x) "+v"(x)

__attribute__((target("avx512f,avx512bw,avx512vnni"))) uint64_t int8Avx512() {
  const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  CHORDAL_LOOP(2 * 64, __m512i, _mm512_setzero_si512(), _mm512_dpbusd_epi32(sum[i], a, b))
}

__attribute__((target("avx512f"))) uint64_t floatAvx512() {
  const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(3);
  CHORDAL_LOOP(2 * 16, __m512, _mm512_setzero_ps(), _mm512_fmadd_ps(a, b, sum[i]))
}

/// Pairs of products to int16, pairs of these to int32, and the sum.
__attribute__((target("avx2"))) uint64_t int8Avx2() {
  const __m256i b = _mm256_set1_epi8(5), ones = _mm256_set1_epi16(1);
  __m256i a = _mm256_set1_epi8(3);
  CHORDAL_LOOP(2 * 32, __m256i, _mm256_setzero_si256(), ({
                 __asm__ volatile("" : "+x"(a)); // else the products are computed once
                 _mm256_add_epi32(sum[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
               }))
}

__attribute__((target("avx2,fma"))) uint64_t floatAvx2() {
  const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(3);
  CHORDAL_LOOP(2 * 8, __m256, _mm256_setzero_ps(), _mm256_fmadd_ps(a, b, sum[i]))
}

/// Byte products are an extension of their own.
bool hasInt8Tiles() {
  uint32_t a = 7, b, c = 0, d;
  __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (d >> 25 & 1) != 0;
}

/// The tile configuration: palette 1, eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/// Four tiles of sums, from two tiles of each factor.
#define CHORDAL_TILE_LOOP(operations, product)                                                     \
  {                                                                                                \
    const TileConfiguration configuration;                                                         \
    _tile_loadconfig(&configuration);                                                              \
    _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);                                    \
    _tile_zero(4), _tile_zero(5), _tile_zero(6), _tile_zero(7);                                    \
    for (int r = 0; r < rounds; ++r) {                                                             \
      product(0, 4, 6);                                                                            \
      product(1, 4, 7);                                                                            \
      product(2, 5, 6);                                                                            \
      product(3, 5, 7);                                                                            \
    }                                                                                              \
    _tile_release();                                                                               \
    return uint64_t(rounds) * 4 * (operations);                                                    \
  }

__attribute__((target("amx-tile,amx-int8"))) uint64_t int8Tiles() {
  CHORDAL_TILE_LOOP(2 * 16 * 16 * 64, _tile_dpbssd)
}

__attribute__((target("amx-tile,amx-bf16"))) uint64_t bfloat16Tiles(){
    CHORDAL_TILE_LOOP(2 * 16 * 16 * 32, _tile_dpbf16ps)}

#elif defined(__aarch64__)
#define CHORDAL_VECTOR_OPERAND(x) "+w"(x)

/// Products to int16 and pairs of these to the sums, for either half.
uint64_t int8Neon() {
  int8x16_t a = vdupq_n_s8(3);
  const int8x16_t b = vdupq_n_s8(5);
  CHORDAL_LOOP(2 * 16, int32x4_t, vdupq_n_s32(0), ({
                 __asm__ volatile("" : "+w"(a)); // else the products are computed once
                 vpadalq_s16(vpadalq_s16(sum[i], vmull_s8(vget_low_s8(a), vget_low_s8(b))),
                             vmull_high_s8(a, b));
               }))
}

__attribute__((target("dotprod"))) uint64_t int8Dotprod() {
  const int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);
  CHORDAL_LOOP(2 * 16, int32x4_t, vdupq_n_s32(0), vdotq_s32(sum[i], a, b))
}

__attribute__((target("i8mm"))) uint64_t int8MatrixMultiply() {
  const int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);
  CHORDAL_LOOP(2 * 32, int32x4_t, vdupq_n_s32(0), vmmlaq_s32(sum[i], a, b))
}

uint64_t floatNeon() {
  const float32x4_t a = vdupq_n_f32(0.5f), b = vdupq_n_f32(3);
  CHORDAL_LOOP(2 * 4, float32x4_t, vdupq_n_f32(0), vfmaq_f32(sum[i], a, b))
}
#endif

} // namespace

uint64_t readAll(std::span<const std::byte> memory, ReadPattern pattern) {
  switch (pattern.streams * 2 + pattern.prefetch) {
  case 2:
    return readStreams<1, false>(memory.data(), memory.size());
  case 3:
    return readStreams<1, true>(memory.data(), memory.size());
  case 4:
    return readStreams<2, false>(memory.data(), memory.size());
  case 5:
    return readStreams<2, true>(memory.data(), memory.size());
  case 8:
    return readStreams<4, false>(memory.data(), memory.size());
  default:
    return readStreams<4, true>(memory.data(), memory.size());
  }
}

double readRate(std::span<const std::span<const std::byte>> memory, unsigned threads,
                ReadPattern pattern) {
  // Parts begin at cache lines and are whole rounds of all streams.
  auto partOf = [&](std::span<const std::byte> span, unsigned thread) {
    size_t skew = (64 - reinterpret_cast<uintptr_t>(span.data()) % 64) % 64;
    size_t part = (span.size() - std::min(skew, span.size())) / threads / 1024 * 1024;
    return part == 0 ? span.first(0) : span.subspan(skew + thread * part, part);
  };
  uint64_t bytes = 0;
  for (std::span<const std::byte> span : memory)
    bytes += partOf(span, 0).size() * threads;
  if (bytes == 0)
    return 0;
  // Long enough to be timed.
  const uint64_t passes = std::max<uint64_t>(1, (uint64_t(32) << 20) / bytes);
  std::atomic<uint64_t> sink{0};
  double seconds = together(threads, [&](unsigned thread) {
    uint64_t seen = 0;
    for (uint64_t pass = 0; pass < passes; ++pass)
      for (std::span<const std::byte> span : memory)
        seen |= readAll(partOf(span, thread), pattern);
    sink.fetch_or(seen, std::memory_order_relaxed);
  });
  return double(bytes * passes) / seconds;
}

uint64_t multiply(Isa isa, Arithmetic arithmetic) {
  if (!kernels::isaIncludes(kernels::hostIsa(), isa))
    return 0;
#if defined(__x86_64__)
  if (isa == Isa::Amx) {
    if (arithmetic == Arithmetic::Int8)
      return hasInt8Tiles() ? int8Tiles() : 0;
    return arithmetic == Arithmetic::BFloat16 ? bfloat16Tiles() : 0;
  }
  if (arithmetic == Arithmetic::BFloat16)
    return 0;
  if (isa == Isa::Avx512Vnni)
    return arithmetic == Arithmetic::Int8 ? int8Avx512() : floatAvx512();
  if (isa == Isa::X86_64_v3)
    return arithmetic == Arithmetic::Int8 ? int8Avx2() : floatAvx2();
#elif defined(__aarch64__)
  if (isa >= Isa::Neon && arithmetic == Arithmetic::Float32)
    return floatNeon();
  if (isa >= Isa::Neon && arithmetic == Arithmetic::Int8)
    return isa == Isa::NeonI8mm      ? int8MatrixMultiply()
           : isa == Isa::NeonDotprod ? int8Dotprod()
                                     : int8Neon();
#endif
  return 0;
}

double operationRate(Isa isa, Arithmetic arithmetic, unsigned threads) {
  // Long enough for the clock to settle where such instructions let it.
  constexpr std::chrono::milliseconds least{5};
  if (multiply(isa, arithmetic) == 0)
    return 0;
  std::atomic<uint64_t> operations{0};
  double seconds = together(threads, [&](unsigned) {
    auto end = std::chrono::steady_clock::now() + least;
    uint64_t own = 0;
    while (std::chrono::steady_clock::now() < end)
      own += multiply(isa, arithmetic);
    operations.fetch_add(own, std::memory_order_relaxed);
  });
  return double(operations.load()) / seconds;
}

} // namespace chordal::bench
