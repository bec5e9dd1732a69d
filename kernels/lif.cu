// Multi-step spiking neurons: y = gain step neuron((scale_c x + bias_c + residual) / step), T steps in registers.
// Equations: snn/neurons.py; every part of the sum is optional.
//
// x [T, N] in, spikes [T, N] out. A CUDA thread owns VEC neighbouring neurons and all T steps of them. The backward
// kernel reads x again and recomputes the membrane: every operation is rounded on its own (*_rn), so the spikes are
// the forward's, bit for bit, and nothing but x has to be kept.
//
// N is cut in `rows` of `width` elements. Without an affine: one row. AFFINE 1: a row shares its channel, row % channels
// (channels-first). AFFINE 2: a column is a channel (channels-last); a thread then walks SPAN rows, so that the
// gradients of scale and bias leave it as one number a column.
//
//   STEPS, VEC, IO (io.h), KIND 0 IF, 1 LIF, 2 I-LIF   HARD, DETACH, DECAY, SIGNED 0/1   SURROGATE 0 atan, 1 sigmoid,
//   2 triangle, 3 rectangle   RATE: 1/tau is read from memory and gets a gradient   INIT: the membrane starts at v0
//   AFFINE   RESIDUAL   STEP: a site's learnt step, a number in memory   SPIKES 0 io_t, 1 bytes, 2 bits
//   ([T, ceil(N / 8)], lowest first; both are counts, without the step)   LAST: the final membrane leaves
//   ALIGNED: width % VEC == 0 and every pointer stands on 16 bytes (the CPU build does not need it)
#include "io.h"

enum { IF, LIF, ILIF };
enum { ATAN, SIGMOID, TRIANGLE, RECTANGLE };
enum { AS_IO, AS_BYTES, AS_BITS };

#if SPIKES == 0
typedef io_t spike_t;
#else
typedef u8 spike_t;
#endif

#ifdef CPU_SHIM
#define EACH_LANE(e, n) _Pragma("omp simd") for (int e = 0; e < n; e++)
#define EACH_LANE_SUM(e, n) _Pragma("omp simd reduction(+ : by_rate, by_step, by_scale, by_bias)") for (int e = 0; e < n; e++)
#else
#define EACH_LANE(e, n) _Pragma("unroll") for (int e = 0; e < VEC; e++)
#define EACH_LANE_SUM(e, n) EACH_LANE(e, n)
#endif

struct Numbers {
  float rate, threshold, v_reset, start, edge, alpha, low, high;
};

// T rows of VEC elements. On the device: registers, filled by 16-byte loads that are all in flight at once. On a CPU:
// memory itself, since the loop over lanes becomes vectors.
template <class E>
struct RowsIn {
#ifdef CPU_SHIM
  const E *p;
  i64 stride;
  FN RowsIn over(const E *p, i64 stride, int) { return {p, stride}; }
  float operator()(int t, int e) const { return to_float(p[t * stride + e]); }
#else
  Pack<E, VEC> row[STEPS];
  FN RowsIn over(const E *p, i64 stride, int n) {
    RowsIn r;
    UNROLL for (int t = 0; t < STEPS; t++) {
      if (ALIGNED)
        r.row[t] = *(const Pack<E, VEC> *)(p + t * stride);
      else
        UNROLL for (int e = 0; e < VEC; e++) r.row[t].at[e] = p[t * stride + (e < n ? e : 0)];
    }
    return r;
  }
  __device__ __forceinline__ float operator()(int t, int e) const { return to_float(row[t].at[e]); }
#endif
};

template <class E>
struct RowsOut {
#ifdef CPU_SHIM
  E *p;
  i64 stride;
  FN RowsOut over(E *p, i64 stride) { return {p, stride}; }
  void put(int t, int e, float a) { from_float(a, p + t * stride + e); }
  void flush(int) {}
#else
  E *p;
  i64 stride;
  Pack<E, VEC> row[STEPS];
  FN RowsOut over(E *p, i64 stride) {
    RowsOut r;
    r.p = p, r.stride = stride;
    return r;
  }
  __device__ __forceinline__ void put(int t, int e, float a) { from_float(a, &row[t].at[e]); }
  __device__ __forceinline__ void flush(int n) {
    UNROLL for (int t = 0; t < STEPS; t++) {
      if (ALIGNED)
        store_pack(p + t * stride, row[t]);
      else
        UNROLL for (int e = 0; e < VEC; e++) if (e < n) p[t * stride + e] = row[t].at[e];
    }
  }
#endif
};

// One bit a neuron; host guarantees that a row starts on a whole byte.
struct BitsOut {
  u8 *p;
  i64 stride;
#ifdef CPU_SHIM
  u8 fired[STEPS][VEC];
  void put(int t, int e, float a) { fired[t][e] = a != 0.f; }
  void flush(int n) {
    for (int t = 0; t < STEPS; t++)
      for (int b = 0; b < n; b += 8) {
        unsigned byte = 0;
        for (int e = b; e < b + 8 && e < n; e++) byte |= (unsigned)fired[t][e] << (e - b);
        p[t * stride + b / 8] = (u8)byte;
      }
  }
#else
  unsigned byte[STEPS];
  __device__ __forceinline__ void put(int t, int e, float a) {
    byte[t] = (e ? byte[t] : 0u) | (a != 0.f ? 1u << e : 0u);
  }
  __device__ __forceinline__ void flush(int n) {
    const unsigned mask = n < VEC ? (1u << n) - 1u : (1u << VEC) - 1u;
    UNROLL for (int t = 0; t < STEPS; t++) p[t * stride] = (u8)(byte[t] & mask);
  }
#endif
};

// ---- the neuron -----------------------------------------------------------------------------------------------------
FN float minus_rest(float v, const Numbers &k) { return HARD ? __fsub_rn(v, k.v_reset) : v; }

// What the membrane is driven by, before the factor 1/tau: d charge / d rate.
FN float drive(float v, float x, const Numbers &k) {
  return DECAY ? __fsub_rn(x, minus_rest(v, k)) : minus_rest(v, k);
}
FN float charge(float v, float x, const Numbers &k) {
  if (KIND == IF) return __fadd_rn(v, x);
  if (KIND == ILIF) return __fadd_rn(__fmul_rn(k.rate, v), x);  // here rate is beta
  const float moved = __fmul_rn(drive(v, x, k), k.rate);
  return DECAY ? __fadd_rn(v, moved) : __fadd_rn(__fsub_rn(v, moved), x);
}
FN float fire(float h, const Numbers &k) {
  if (KIND == ILIF) {  // comparisons that let a NaN through, as torch's clamp does
    const float clipped = h < k.low ? k.low : (h > k.high ? k.high : h);
    return rintf(clipped);
  }
  const float up = __fsub_rn(h, k.edge) >= 0.f ? 1.f : 0.f;
  return SIGNED ? up - (__fsub_rn(-h, k.edge) >= 0.f ? 1.f : 0.f) : up;
}
FN float reset(float h, float s, const Numbers &k) {
  if (KIND == ILIF) return __fsub_rn(h, s);
  if (HARD) return __fadd_rn(__fmul_rn(s, k.v_reset), __fmul_rn(__fsub_rn(1.f, s), h));
  return __fsub_rn(h, __fmul_rn(k.threshold, s));
}

#ifdef CPU_SHIM
// exp as arithmetic, so that a loop over lanes is vectors: 2^n times a polynomial, relative error below 1e-6. Infinity
// is kept: a slope that is exactly zero there makes a NaN of an infinite gradient, as in torch.
FN float exponential(float a) {
  const float exponent = a * 1.44269504f;
  const float z = exponent < -126.f ? -126.f : (exponent > 127.f ? 127.f : exponent);
  const float n = rintf(z), f = z - n;
  float p = 1.5403530e-4f;
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.f;
  const int bits = ((int)n + 127) << 23;
  float power;
  memcpy(&power, &bits, 4);
  return exponent > 128.f ? INFINITY : p * power;
}
#else
FN float exponential(float a) { return expf(a); }
#endif

// Of a gradient only: two units in the last place on a GPU, where the exact one is a call.
FN float quotient(float a, float b) {
#ifdef CPU_SHIM
  return a / b;
#else
  return __fdividef(a, b);
#endif
}

// A bump of area one at u = 0. Written so that a NaN stays one.
FN float bump(float u, const Numbers &k) {
  const float a = k.alpha;
  if (SURROGATE == ATAN) {
    const float z = 1.57079633f * a * u;
    return quotient(0.5f * a, 1.f + z * z);
  }
  if (SURROGATE == SIGMOID) {
    const float s = quotient(1.f, 1.f + exponential(-a * u));
    return a * s * (1.f - s);
  }
  if (SURROGATE == TRIANGLE) {
    const float r = a * (1.f - a * fabsf(u));
    return r < 0.f ? 0.f : r;
  }
  return fabsf(u) < 0.5f / a ? a : 0.f;
}
// d spike / d h, straight-through on the closed interval for counts.
FN float slope(float h, const Numbers &k) {
  if (KIND == ILIF) return h >= k.low && h <= k.high ? 1.f : 0.f;
  return SIGNED ? bump(h - k.edge, k) + bump(-h - k.edge, k) : bump(h - k.edge, k);
}

// ---- who works where ------------------------------------------------------------------------------------------------
struct Place {
  i64 group, column, row, end;  // rows [row, end), columns from `column`
  int n;                        // how many of VEC are inside
};
FN bool place(i64 id, i64 rows, i64 width, Place &w) {
  const i64 chunks = (width + VEC - 1) / VEC;
  w.group = id / chunks;
  w.column = id % chunks * VEC;
  w.row = w.group * SPAN;
  w.end = SPAN == 1 || w.row + SPAN < rows ? w.row + SPAN : rows;
  w.n = (int)(width - w.column < VEC ? width - w.column : VEC);
  return w.row < rows;
}
#define THREAD ((i64)blockIdx.x * blockDim.x + threadIdx.x)

// Left alone, ptxas aims at a certain number of blocks on a multiprocessor, and spills a few registers of the larger
// builds to get there. One block in mind, it does not.
#if RATE || HARD || STEP || !ALIGNED
#define BOUNDS __launch_bounds__(128, 1)
#else
#define BOUNDS __launch_bounds__(128)
#endif

extern "C" __global__ void BOUNDS
lif_forward(const io_t *__restrict__ x, const float *__restrict__ v0, const float *__restrict__ rate,
            const float *__restrict__ scale, const float *__restrict__ bias, const io_t *__restrict__ residual,
            const float *__restrict__ step, spike_t *__restrict__ spikes, float *__restrict__ last, i64 N, i64 rows, i64 width, i64 channels,
            float rate_value, float threshold, float v_reset, float start, float edge, float alpha, float low,
            float high, float gain) {
  Place w;
  if (!place(THREAD, rows, width, w)) return;
  const Numbers k = {RATE ? *rate : rate_value, threshold, v_reset, start, edge, alpha, low, high};
  const float unit = STEP ? *step : 1.f, height = STEP ? __fmul_rn(unit, gain) : 1.f;  // of a spike
  for (i64 row = w.row; row < w.end; row++) {
    const i64 at = row * width + w.column;
    const float *sc = AFFINE == 2 ? scale + w.column : scale + (AFFINE ? row % channels : 0);
    const float *bi = AFFINE == 2 ? bias + w.column : bias + (AFFINE ? row % channels : 0);
    const RowsIn<io_t> in = RowsIn<io_t>::over(x + at, N, w.n);
    const RowsIn<io_t> side = RowsIn<io_t>::over(RESIDUAL ? residual + at : x + at, N, w.n);
#if SPIKES == 2
    BitsOut out;
    out.p = spikes + at / 8, out.stride = (N + 7) / 8;
#else
    RowsOut<spike_t> out = RowsOut<spike_t>::over(spikes + at, N);
#endif
    EACH_LANE(e, w.n) {
      const int f = AFFINE == 2 && e < w.n ? e : 0;
      const float a = AFFINE ? sc[f] : 1.f, b = AFFINE ? bi[f] : 0.f;
      float v = k.start;
      if (INIT) v = v0[at + (e < w.n ? e : 0)];
      UNROLL for (int t = 0; t < STEPS; t++) {
        float current = in(t, e);
        if (AFFINE) current = __fadd_rn(__fmul_rn(current, a), b);
        if (RESIDUAL) current = __fadd_rn(current, side(t, e));
        if (STEP) current = __fdiv_rn(current, unit);
        const float h = charge(v, current, k), s = fire(h, k);
        v = reset(h, s, k);
        out.put(t, e, STEP && SPIKES == AS_IO ? __fmul_rn(s, height) : s);
      }
      if (LAST && e < w.n) last[at + e] = v;
    }
    out.flush(w.n);
  }
}

// `partial_*` get one number a thread, or with AFFINE 2 one a column and group: the host adds them up, always in the
// same order.
extern "C" __global__ void BOUNDS
lif_backward(const io_t *__restrict__ x, const float *__restrict__ v0, const float *__restrict__ rate,
             const float *__restrict__ scale, const float *__restrict__ bias, const io_t *__restrict__ residual,
             const float *__restrict__ step, const io_t *__restrict__ grad_spikes, const float *__restrict__ grad_last, io_t *__restrict__ grad_x,
             io_t *__restrict__ grad_residual, float *__restrict__ grad_v0, float *__restrict__ partial_rate,
             float *__restrict__ partial_step, float *__restrict__ partial_scale, float *__restrict__ partial_bias, i64 N, i64 rows, i64 width,
             i64 channels, float rate_value, float threshold, float v_reset, float start, float edge, float alpha,
             float low, float high, float gain) {
  Place w;
  if (!place(THREAD, rows, width, w)) return;
  const Numbers k = {RATE ? *rate : rate_value, threshold, v_reset, start, edge, alpha, low, high};
  // A spike's height, gain step, and the division by step cancel in the gradient of x: g is kept in units of 1 / step.
  const float unit = STEP ? *step : 1.f;
  float by_rate = 0.f, by_step = 0.f, by_scale = 0.f, by_bias = 0.f;
  float column_scale[AFFINE == 2 ? VEC : 1], column_bias[AFFINE == 2 ? VEC : 1];
  if (AFFINE == 2) UNROLL for (int e = 0; e < VEC; e++) column_scale[e] = column_bias[e] = 0.f;
  for (i64 row = w.row; row < w.end; row++) {
    const i64 at = row * width + w.column;
    const float *sc = AFFINE == 2 ? scale + w.column : scale + (AFFINE ? row % channels : 0);
    const float *bi = AFFINE == 2 ? bias + w.column : bias + (AFFINE ? row % channels : 0);
    const RowsIn<io_t> in = RowsIn<io_t>::over(x + at, N, w.n);
    const RowsIn<io_t> side = RowsIn<io_t>::over(RESIDUAL ? residual + at : x + at, N, w.n);
    const RowsIn<io_t> grad = RowsIn<io_t>::over(grad_spikes + at, N, w.n);
    RowsOut<io_t> out = RowsOut<io_t>::over(grad_x + at, N);
    RowsOut<io_t> out_side = RowsOut<io_t>::over((RESIDUAL && AFFINE ? grad_residual : grad_x) + at, N);
    EACH_LANE_SUM(e, w.n) {
      const int f = AFFINE == 2 && e < w.n ? e : 0;
      const float a = AFFINE ? sc[f] : 1.f, b = AFFINE ? bi[f] : 0.f;
      const bool inside = e < w.n;
      float v = k.start, h[STEPS], driven[STEPS], currents[STEPS];
      if (INIT) v = v0[at + (inside ? e : 0)];
      UNROLL for (int t = 0; t < STEPS; t++) {
        float current = in(t, e);
        if (AFFINE) current = __fadd_rn(__fmul_rn(current, a), b);
        if (RESIDUAL) current = __fadd_rn(current, side(t, e));
        if (STEP) current = __fdiv_rn(current, unit);
        if (STEP) currents[t] = current;
        if (RATE) driven[t] = drive(v, current, k);
        h[t] = charge(v, current, k);
        v = reset(h[t], fire(h[t], k), k);
      }
      float g = 0.f, sum_scale = 0.f, sum_bias = 0.f, sum_rate = 0.f, sum_step = 0.f;
      if (LAST) g = grad_last[at + (inside ? e : 0)] / unit;
      UNROLL for (int t = STEPS - 1; t >= 0; t--) {
        const float s = fire(h[t], k);
        float gs = grad(t, e);
        if (STEP) gs *= gain, sum_step += gs * s;
        const bool leaves = LAST || t < STEPS - 1;  // is this step's membrane used? Else 0 * inf would say it is
        if (!DETACH && leaves) gs += KIND == ILIF ? -g : (HARD ? g * k.v_reset - g * h[t] : -k.threshold * g);
        const float gh = gs * slope(h[t], k) + (HARD && KIND != ILIF ? g * (1.f - s) : g);
        const float leak = KIND == LIF ? gh * k.rate : 0.f;
        const float gx = KIND == LIF && DECAY ? leak : gh;
        if (STEP) sum_step -= gx * currents[t];
        g = KIND == ILIF ? gh * k.rate : gh - leak;
        if (RATE) sum_rate += DECAY ? gh * driven[t] : -gh * driven[t];
        if (AFFINE) sum_scale += gx * in(t, e), sum_bias += gx;
        if (RESIDUAL && AFFINE) out_side.put(t, e, gx);
        out.put(t, e, AFFINE ? gx * a : gx);
      }
      if (INIT && inside) grad_v0[at + e] = g * unit;
      if (RATE && inside) by_rate += sum_rate * unit;
      if (STEP && inside) by_step += sum_step;
      if (AFFINE == 1 && inside) by_scale += sum_scale, by_bias += sum_bias;
      if (AFFINE == 2) column_scale[e] += sum_scale, column_bias[e] += sum_bias;
    }
    out.flush(w.n);
    if (RESIDUAL && AFFINE) out_side.flush(w.n);
  }
  if (RATE) partial_rate[THREAD] = by_rate;
  if (STEP) partial_step[THREAD] = by_step;
  if (AFFINE == 1) partial_scale[THREAD] = by_scale, partial_bias[THREAD] = by_bias;
  if (AFFINE == 2)
    EACH_LANE(e, w.n) if (e < w.n) {
      partial_scale[w.group * width + w.column + e] = column_scale[e];
      partial_bias[w.group * width + w.column + e] = column_bias[e];
    }
}
