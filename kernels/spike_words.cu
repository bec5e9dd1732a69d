// Counts [N, D] -> bit-planes: words [PLANES + SIGNED, N, WORDS]. Bit c % 32 of word c / 32 of plane j is worth 2^j;
// the last plane of SIGNED marks negative counts. One thread makes a word of every plane. Counts fit their planes.
//
//   D, PLANES, SIGNED   IO (io.h)   COUNTS 0 io_t, 1 unsigned bytes, 2 signed bytes
#include "io.h"

#define WORDS ((D + 31) / 32)
#if COUNTS == 1
typedef unsigned char count_t;
#elif COUNTS == 2
typedef signed char count_t;
#else
typedef io_t count_t;
#endif

#if COUNTS
FN int number(count_t a) { return a; }
#else
FN int number(count_t a) { return (int)to_float(a); }
#endif

extern "C" __global__ void __launch_bounds__(128)
spike_words(const count_t *__restrict__ counts, u32 *__restrict__ words, i64 N) {
  const i64 id = (i64)blockIdx.x * blockDim.x + threadIdx.x, row = id / WORDS;
  if (row >= N) return;
  const int first = (int)(id % WORDS) * 32;
  const count_t *p = counts + row * D + first;
  u32 found[PLANES + 1] = {};
  for (int e = 0; e < 32 && first + e < D; e++) {
    const int n = number(p[e]);
    const u32 size = (u32)(n < 0 ? -n : n);
    UNROLL for (int j = 0; j < PLANES; j++) found[j] |= (size >> j & 1u) << e;
    found[PLANES] |= (n < 0 ? 1u : 0u) << e;
  }
  UNROLL for (int j = 0; j < PLANES + SIGNED; j++) words[j * N * WORDS + id] = found[j];
}
