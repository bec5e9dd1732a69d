// Multi-step spiking neurons: n = neuron((scale_c x + bias_c + residual) / step), counts, T steps in registers.
// Equations: neuron.h; every part of the sum is optional. Memory: rows.h.
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
//   ([T, ceil(N / 8)], lowest first)   LAST: the final membrane leaves   CENTRE: scale's gradient is of x - centre_c
//   ALIGNED: width % VEC == 0 and every pointer stands on 16 bytes (the CPU build does not need it)
#include "io.h"
#include "rows.h"
#include "place.h"
#include "neuron.h"

#ifdef CPU_SHIM  // a loop ends where the lanes do, and a test in it would keep it from becoming vectors
#define IS_IN(e, n) true
#define EACH_LANE(e, n) _Pragma("omp simd") for (int e = 0; e < n; e++)
#else
#define IS_IN(e, n) (e < n)
#define EACH_LANE(e, n) _Pragma("unroll") for (int e = 0; e < VEC; e++)
#endif

// What a thread adds up. On a CPU a number a lane, added together at the end: a sum over lanes, inside of a loop that
// does so much else, the compiler does not make vectors of.
struct Sum {
#ifdef CPU_SHIM
  float lane[VEC];
  void clear(int n) { EACH_LANE(e, n) lane[e] = 0.f; }
  void add(int e, float a) { lane[e] += a; }
  float total(int n) const {
    float all = 0.f;
    _Pragma("omp simd reduction(+ : all)") for (int e = 0; e < n; e++) all += lane[e];
    return all;
  }
#else
  float all;
  __device__ __forceinline__ void clear(int) { all = 0.f; }
  __device__ __forceinline__ void add(int, float a) { all += a; }
  __device__ __forceinline__ float total(int) const { return all; }
#endif
};

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
            const float *__restrict__ step, spike_t *__restrict__ spikes, float *__restrict__ last, i64 N, i64 rows,
            i64 width, i64 channels, float rate_value, float threshold, float v_reset, float start, float edge,
            float alpha, float low, float high) {
  Place w;
  if (!place(THREAD, rows, width, w)) return;
  const Numbers k = {RATE ? *rate : rate_value, threshold, v_reset, start, edge, alpha, low, high};
  const float unit = STEP ? *step : 1.f;
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
      const int f = AFFINE == 2 && IS_IN(e, w.n) ? e : 0;
      const float a = AFFINE ? sc[f] : 1.f, b = AFFINE ? bi[f] : 0.f;
      float v = k.start;
      if (INIT) v = v0[at + (IS_IN(e, w.n) ? e : 0)];
      UNROLL for (int t = 0; t < STEPS; t++) {
        float current = in(t, e);
        if (AFFINE) current = __fadd_rn(__fmul_rn(current, a), b);
        if (RESIDUAL) current = __fadd_rn(current, side(t, e));
        if (STEP) current = __fdiv_rn(current, unit);
        const float h = charge(v, current, k), s = fire(h, k);
        v = reset(h, s, k);
        out.put(t, e, s);
      }
      if (LAST && IS_IN(e, w.n)) last[at + e] = v;
    }
    out.flush(w.n);
  }
}

// `partial_*` get one number a thread, or with AFFINE 2 one a column and group: the host adds them up, always in the
// same order.
extern "C" __global__ void BOUNDS
lif_backward(const io_t *__restrict__ x, const float *__restrict__ v0, const float *__restrict__ rate,
             const float *__restrict__ scale, const float *__restrict__ bias, const io_t *__restrict__ residual,
             const float *__restrict__ step, const float *__restrict__ centre, const io_t *__restrict__ grad_spikes,
             const float *__restrict__ grad_last, io_t *__restrict__ grad_x,
             io_t *__restrict__ grad_residual, float *__restrict__ grad_v0, float *__restrict__ partial_rate,
             float *__restrict__ partial_step, float *__restrict__ partial_scale, float *__restrict__ partial_bias,
             i64 N, i64 rows, i64 width, i64 channels, float rate_value, float threshold, float v_reset, float start,
             float edge, float alpha, float low, float high) {
  Place w;
  if (!place(THREAD, rows, width, w)) return;
  const Numbers k = {RATE ? *rate : rate_value, threshold, v_reset, start, edge, alpha, low, high};
  const float unit = STEP ? *step : 1.f;
  Sum by_rate, by_step, by_scale, by_bias;
  if (RATE) by_rate.clear(w.n);
  if (STEP) by_step.clear(w.n);
  if (AFFINE == 1) by_scale.clear(w.n), by_bias.clear(w.n);
  float column_scale[AFFINE == 2 ? VEC : 1], column_bias[AFFINE == 2 ? VEC : 1];
  if (AFFINE == 2) EACH_LANE(e, w.n) column_scale[e] = column_bias[e] = 0.f;
  for (i64 row = w.row; row < w.end; row++) {
    const i64 at = row * width + w.column;
    const float *sc = AFFINE == 2 ? scale + w.column : scale + (AFFINE ? row % channels : 0);
    const float *bi = AFFINE == 2 ? bias + w.column : bias + (AFFINE ? row % channels : 0);
    const RowsIn<io_t> in = RowsIn<io_t>::over(x + at, N, w.n);
    const RowsIn<io_t> side = RowsIn<io_t>::over(RESIDUAL ? residual + at : x + at, N, w.n);
    const RowsIn<io_t> grad = RowsIn<io_t>::over(grad_spikes + at, N, w.n);
    RowsOut<io_t> out = RowsOut<io_t>::over(grad_x + at, N);
    RowsOut<io_t> out_side = RowsOut<io_t>::over((RESIDUAL && AFFINE ? grad_residual : grad_x) + at, N);
    EACH_LANE(e, w.n) {
      const int f = AFFINE == 2 && IS_IN(e, w.n) ? e : 0;
      const float a = AFFINE ? sc[f] : 1.f, b = AFFINE ? bi[f] : 0.f;
      const float middle = CENTRE ? centre[AFFINE == 2 ? w.column + f : row % channels] : 0.f;
      const bool inside = IS_IN(e, w.n);
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
      if (LAST) g = grad_last[at + (inside ? e : 0)];
      UNROLL for (int t = STEPS - 1; t >= 0; t--) {
        const float s = fire(h[t], k);
        float gs = grad(t, e);
        const bool leaves = LAST || t < STEPS - 1;  // is this step's membrane used? Else 0 * inf would say it is
        if (!DETACH && leaves) gs += KIND == ILIF ? -g : (HARD ? g * k.v_reset - g * h[t] : -k.threshold * g);
        const float gh = gs * slope(h[t], k) + (HARD && KIND != ILIF ? g * (1.f - s) : g);
        const float leak = KIND == LIF ? gh * k.rate : 0.f;
        float gx = KIND == LIF && DECAY ? leak : gh;  // of the current: the sum, divided by step
        if (STEP) sum_step -= gx * currents[t], gx = quotient(gx, unit);
        g = KIND == ILIF ? gh * k.rate : gh - leak;
        if (RATE) sum_rate += DECAY ? gh * driven[t] : -gh * driven[t];
        if (AFFINE) sum_scale += gx * (CENTRE ? in(t, e) - middle : in(t, e)), sum_bias += gx;
        if (RESIDUAL && AFFINE) out_side.put(t, e, gx);
        out.put(t, e, AFFINE ? gx * a : gx);
      }
      if (INIT && inside) grad_v0[at + e] = g;
      if (RATE && inside) by_rate.add(e, sum_rate);
      if (STEP && inside) by_step.add(e, sum_step);
      if (AFFINE == 1 && inside) by_scale.add(e, sum_scale), by_bias.add(e, sum_bias);
      if (AFFINE == 2) column_scale[e] += sum_scale, column_bias[e] += sum_bias;
    }
    out.flush(w.n);
    if (RESIDUAL && AFFINE) out_side.flush(w.n);
  }
  if (RATE) partial_rate[THREAD] = by_rate.total(w.n);
  if (STEP) partial_step[THREAD] = quotient(by_step.total(w.n), unit);
  if (AFFINE == 1) partial_scale[THREAD] = by_scale.total(w.n), partial_bias[THREAD] = by_bias.total(w.n);
  if (AFFINE == 2)
    EACH_LANE(e, w.n) if (IS_IN(e, w.n)) {
      partial_scale[w.group * width + w.column + e] = column_scale[e];
      partial_bias[w.group * width + w.column + e] = column_bias[e];
    }
}
