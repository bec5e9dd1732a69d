// Multi-scale deformable sampling. Equation: layers/deform.py. One CUDA thread owns CPT neighbouring channels of one
// (batch, query, head); TPH threads in a row share a head, each with its own copy of the index arithmetic.
//
//   value [B, S, h, D] or words [PLANES + SIGNED, B, S, h, WORDS]; offset [B, Q, h, L, P, 2] in pixels, float;
//   weight [B, Q, h, L, P]; reference [1 or B, Q, L, 2], float; sizes [L, 3]: height, width, first token of a level
//   -> out [B, Q, h, D].   grid: x over queries, y = head, z = batch
//
// Spiking values are counts, as bit-planes: bit c % 32 of word c / 32 of plane j is worth 2^j; the last plane of SIGNED
// says which counts are negative. A sample then costs four products (coefficient times weight); what is left are
// additions, since the weight of the next plane is the double, exactly. A silent weight costs nothing.
//
// Backward: what the threads of a head know about a sample is added by shuffles; a token's gradient by atomics. FIXED:
// these are 64-bit integers, count * 2^-k, so their sum is the same in every order. `scale` [2] holds 2^k and 2^-k.
//
//   LEVELS, POINTS, D, IO (io.h)   CPT, TPH (a power of two up to 32, CPT * TPH >= D)   PLANES 0: real values   SIGNED
//   FIXED   The quick form for a CPU is deform_slice.cpp.
#include "io.h"
#include "deform_tap.h"
#include "deform_level.h"

#define SAMPLES (LEVELS * POINTS)
#define WORDS ((D + 31) / 32)
#ifdef CPU_SHIM
#define ROLLED
#else
#define ROLLED _Pragma("unroll 1")  // four corners in flight are enough: more samples at once would spill
#endif

// Bits want more registers than ptxas gives them for blocks of 128; with those it spills a few bytes here and there.
#if PLANES
#define BOUNDS __launch_bounds__(256, 1)
#else
#define BOUNDS __launch_bounds__(128)
#endif

typedef unsigned long long u64;
#if FIXED
typedef u64 sum_t;
#else
typedef float sum_t;
#endif

// Where the thread works; `live` is false for those that only fill up a block or a head.
struct Place {
  i64 query, row, batch;  // row: of (batch, query, head)
  int head, heads, channel;
  bool live;
};
FN Place place(i64 Q) {
  const i64 id = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  Place w;
  w.query = id / TPH, w.channel = (int)(id % TPH) * CPT;
  w.live = w.query < Q && w.channel < D;
  if (w.query >= Q) w.query = Q - 1;
  w.head = blockIdx.y, w.heads = gridDim.y, w.batch = blockIdx.z;
  w.row = (w.batch * Q + w.query) * w.heads + w.head;
  return w;
}

// ---- one corner: CPT channels of a token ----------------------------------------------------------------------------
#if PLANES
struct Corner {
  u32 bits[PLANES], negative;
};
FN Corner corner_at(const u32 *words, i64 token, i64 plane, int channel, bool there) {
  Corner c;
  const u32 mask = CPT >= 32 ? ~0u : (1u << (CPT & 31)) - 1u;
  const u32 *p = words + token * WORDS + channel / 32;
  UNROLL for (int j = 0; j < PLANES; j++) c.bits[j] = there ? p[j * plane] >> (channel & 31) & mask : 0u;
  c.negative = SIGNED && there ? p[PLANES * plane] >> (channel & 31) : 0u;
  return c;
}
FN void add(float *sum, const Corner &c, float share) {
  UNROLL for (int j = 0; j < PLANES; j++, share = __fadd_rn(share, share)) {
    if (!c.bits[j]) continue;
    UNROLL for (int e = 0; e < CPT; e++) {
      const float by = SIGNED && c.negative >> e & 1u ? -share : share;
      if (c.bits[j] >> e & 1u) sum[e] = __fadd_rn(sum[e], by);
    }
  }
}
FN float product(const float *grad, const Corner &c) {
  float total = 0.f;
  UNROLL for (int e = 0; e < CPT; e++) {
    float count = 0.f;
    UNROLL for (int j = 0; j < PLANES; j++) count += c.bits[j] >> e & 1u ? (float)(1 << j) : 0.f;
    total += (SIGNED && c.negative >> e & 1u ? -count : count) * grad[e];
  }
  return total;
}
#else
struct Corner {
  float at[CPT];
};
FN Corner corner_at(const io_t *value, i64 token, i64, int channel, bool there) {
  Corner c;
  UNROLL for (int e = 0; e < CPT; e++) c.at[e] = 0.f;
  if (there) load<CPT>(value + token * D + channel, c.at);
  return c;
}
FN void add(float *sum, const Corner &c, float share) {
  LANES for (int e = 0; e < CPT; e++) sum[e] += share * c.at[e];
}
FN float product(const float *grad, const Corner &c) {
  float total = 0.f;
  UNROLL for (int e = 0; e < CPT; e++) total += grad[e] * c.at[e];
  return total;
}
#endif

FN void scatter(sum_t *to, const float *grad, float share, float scale) {
#if FIXED
  UNROLL for (int e = 0; e < CPT; e++) atomicAdd(to + e, (u64)__float2ll_rn(share * grad[e] * scale));
#elif !defined(CPU_SHIM) && __CUDA_ARCH__ >= 900 && CPT % 4 == 0
  UNROLL for (int e = 0; e < CPT; e += 4) {
    const float *g = grad + e;
    atomicAdd((float4 *)(to + e), make_float4(share * g[0], share * g[1], share * g[2], share * g[3]));
  }
#else
  UNROLL for (int e = 0; e < CPT; e++) atomicAdd(to + e, share * grad[e]);
#endif
}

FN float over_head(float a) {
#if TPH > 1
  UNROLL for (int lanes = 1; lanes < TPH; lanes <<= 1) a += __shfl_xor_sync(0xffffffffu, a, lanes);
#endif
  return a;
}

#if PLANES
#define SOURCE words
#else
#define SOURCE value
#endif

extern "C" __global__ void BOUNDS
deform_forward(const io_t *__restrict__ value, const u32 *__restrict__ words, const float *__restrict__ offset,
               const io_t *__restrict__ weight, const float *__restrict__ reference, const i64 *__restrict__ sizes,
               io_t *__restrict__ out, i64 B, i64 S, i64 Q, i64 references) {
  const Place w = place(Q);
  if (!w.live) return;
  const float *shift = offset + w.row * SAMPLES * 2;
  const io_t *strength = weight + w.row * SAMPLES;
  const float *centre = reference + (w.batch % references * Q + w.query) * LEVELS * 2;
  const i64 plane = B * S * w.heads * WORDS;
  float sum[CPT];
  UNROLL for (int e = 0; e < CPT; e++) sum[e] = 0.f;
  ROLLED for (int l = 0; l < LEVELS; l++) {
    const Level v = level_at(sizes, centre, l);
    ROLLED for (int s = l * POINTS; s < (l + 1) * POINTS; s++) {
      const float a = to_float(strength[s]);
      if (a == 0.f) continue;
      const Tap<float, int> t = sample_at(v, shift, s);
      Corner c[4];
      UNROLL for (int k = 0; k < 4; k++)
        c[k] = corner_at(SOURCE, (w.batch * S + t.index[k]) * w.heads + w.head, plane, w.channel, t.inside >> k & 1);
      UNROLL for (int k = 0; k < 4; k++) add(sum, c[k], __fmul_rn(t.share[k], a));
    }
  }
  store<CPT>(out + w.row * D + w.channel, sum);
}

extern "C" __global__ void BOUNDS
deform_backward(const io_t *__restrict__ value, const u32 *__restrict__ words, const float *__restrict__ offset,
                const io_t *__restrict__ weight, const float *__restrict__ reference, const i64 *__restrict__ sizes,
                const io_t *__restrict__ grad_out, const float *__restrict__ scale, sum_t *__restrict__ grad_value,
                float *__restrict__ grad_offset, io_t *__restrict__ grad_weight, i64 B, i64 S, i64 Q, i64 references) {
  const Place w = place(Q);
  const int channel = w.channel < D ? w.channel : 0;
  const float *shift = offset + w.row * SAMPLES * 2;
  const io_t *strength = weight + w.row * SAMPLES;
  const float *centre = reference + (w.batch % references * Q + w.query) * LEVELS * 2;
  const i64 plane = B * S * w.heads * WORDS;
  const float factor = FIXED ? *scale : 1.f;
  float grad[CPT];
  UNROLL for (int e = 0; e < CPT; e++) grad[e] = 0.f;
  if (w.live) load<CPT>(grad_out + w.row * D + channel, grad);
  ROLLED for (int l = 0; l < LEVELS; l++) {
    const Level v = level_at(sizes, centre, l);
    ROLLED for (int s = l * POINTS; s < (l + 1) * POINTS; s++) {  // every thread of a head comes here as often
      const float a = to_float(strength[s]);
      const Tap<float, int> t = sample_at(v, shift, s);
      float g[4];
      UNROLL for (int k = 0; k < 4; k++) {
        const bool there = w.live && (t.inside >> k & 1);
        const i64 token = (w.batch * S + t.index[k]) * w.heads + w.head;
        g[k] = product(grad, corner_at(SOURCE, token, plane, channel, there));
        if (there && a != 0.f) scatter(grad_value + token * D + channel, grad, __fmul_rn(t.share[k], a), factor);
      }
      Slopes<float> d = slopes_of(t, a, g);
      d.weight = over_head(d.weight), d.x = over_head(d.x), d.y = over_head(d.y);
      if (w.live && w.channel == 0) {
        const i64 at = w.row * SAMPLES + s;
        from_float(d.weight, grad_weight + at);
        grad_offset[2 * at] = d.x, grad_offset[2 * at + 1] = d.y;
      }
    }
  }
}
