// How many additions a spiking forward pass of deform.cu makes, exactly: the set bits under every corner in bounds of
// every sample whose weight is not 0; with UNARY 1 of every sample, and a bit of plane j 2^j times: what event by event
// would be added, and what an accountant charges. events [B, h]; the rest as there. One thread a
// query; y = head, z = batch.
//
//   LEVELS, POINTS, D, IO (io.h), PLANES, UNARY. A plane of signs is not counted.
#include "io.h"
#include "deform_tap.h"
#include "deform_level.h"

#define SAMPLES (LEVELS * POINTS)
#define WORDS ((D + 31) / 32)
typedef unsigned long long u64;

extern "C" __global__ void __launch_bounds__(128)
deform_events(const u32 *__restrict__ words, const float *__restrict__ offset, const io_t *__restrict__ weight,
              const float *__restrict__ reference, const i64 *__restrict__ sizes, u64 *__restrict__ events, i64 B,
              i64 S, i64 Q, i64 references) {
  const i64 query = (i64)blockIdx.x * blockDim.x + threadIdx.x, batch = blockIdx.z;
  const int head = blockIdx.y, heads = gridDim.y;
  if (query >= Q) return;
  const i64 row = (batch * Q + query) * heads + head, plane = B * S * heads * WORDS;
  const float *centre = reference + (batch % references * Q + query) * LEVELS * 2;
  u64 total = 0;
  for (int l = 0; l < LEVELS; l++) {
    const Level v = level_at(sizes, centre, l);
    for (int s = l * POINTS; s < (l + 1) * POINTS; s++) {
      if (!UNARY && to_float(weight[row * SAMPLES + s]) == 0.f) continue;
      const Tap<float, int> t = sample_at(v, offset + row * SAMPLES * 2, s);
      for (int k = 0; k < 4; k++) {
        if (!(t.inside >> k & 1)) continue;
        const u32 *p = words + ((batch * S + t.index[k]) * heads + head) * WORDS;
        for (int j = 0; j < PLANES; j++)
          for (int i = 0; i < WORDS; i++) total += (u64)__popc(p[j * plane + i]) << (UNARY ? j : 0);
      }
    }
  }
  if (total) atomicAdd(events + batch * heads + head, total);
}
